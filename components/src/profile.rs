//! Where the time of a tick goes, told to people (`starling bench train`). Nothing else reads it.

use bevy_ecs::prelude::*;
use std::time::{Duration, Instant};

/// Times of phases and of the stages inside them, since they were last taken.
#[derive(Resource, Debug, Default)]
pub struct Profile {
    /// Stages inside phases are timed too, which costs a little.
    pub on: bool,
    times: Vec<(&'static str, Duration)>,
}

impl Profile {
    /// Adds to a stage's time.
    pub fn add(&mut self, stage: &'static str, time: Duration) {
        match self.times.iter_mut().find(|(name, _)| *name == stage) {
            Some((_, total)) => *total += time,
            None => self.times.push((stage, time)),
        }
    }

    /// The times so far, in the order in which the stages were first seen; the next begin at zero.
    pub fn take(&mut self) -> Vec<(&'static str, Duration)> {
        std::mem::take(&mut self.times)
    }
}

/// Times of `N` stages that follow one another again and again on one thread. Switched off, it never looks at the clock.
#[derive(Debug, Clone, Copy)]
pub struct Laps<const N: usize> {
    since: Option<Instant>,
    times: [Duration; N],
}

impl<const N: usize> Laps<N> {
    /// Starts now if `on`.
    pub fn new(on: bool) -> Self {
        Self {
            since: on.then(Instant::now),
            times: [Duration::ZERO; N],
        }
    }

    /// It looks at the clock.
    pub fn on(&self) -> bool {
        self.since.is_some()
    }

    /// Gives the time since the last lap to `stage`.
    pub fn lap(&mut self, stage: usize) {
        let Some(since) = &mut self.since else { return };
        let now = Instant::now();
        self.times[stage] += now.duration_since(*since);
        *since = now;
    }

    /// Time of every stage.
    pub fn times(&self) -> [Duration; N] {
        self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laps_that_are_off_stay_at_zero() {
        let mut laps = Laps::<2>::new(false);
        laps.lap(1);
        assert_eq!(laps.times(), [Duration::ZERO; 2]);
        let mut laps = Laps::<2>::new(true);
        std::hint::black_box((0..1000).sum::<u64>());
        laps.lap(1);
        assert!(laps.times()[1] > Duration::ZERO && laps.times()[0] == Duration::ZERO);
    }

    #[test]
    fn times_of_a_stage_are_added_and_taken_once() {
        let mut profile = Profile::default();
        profile.add("act", Duration::from_secs(1));
        profile.add("step", Duration::from_secs(2));
        profile.add("act", Duration::from_secs(3));
        let expected = vec![("act", Duration::from_secs(4)), ("step", Duration::from_secs(2))];
        assert_eq!(profile.take(), expected);
        assert!(profile.take().is_empty());
    }
}
