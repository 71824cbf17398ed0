//! The integer worlds: everything is compared bit for bit.

use super::transition::Played;
use super::{Given, Stepped, take};
use starling_components::simulate::{Rules, Simulate};
use starling_shaders::{Draws, Packing, compose};
use starling_simulate::lanes::Vectorised;
use std::collections::HashMap;

/// What is recorded of one transition. Observations are rows of all seats, where they are recorded.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    /// The state in which the lane is left.
    pub(crate) state: Vec<u32>,
    pub(crate) rewards: Vec<f32>,
    pub(crate) shaped: Vec<f32>,
    pub(crate) terminated: bool,
    pub(crate) truncated: bool,
    pub(crate) seen_before: Option<Vec<u8>>,
    /// In the state that the transition leads to, also where that is an episode's last.
    pub(crate) seen_after: Option<Vec<u8>>,
    /// In the start that follows an end.
    pub(crate) seen_start: Option<Vec<u8>>,
}

/// Transitions by kernel: what is equal in text and table is one dispatch.
#[derive(Default)]
pub(crate) struct Sets(HashMap<(String, Vec<u32>), Set>);

struct Set {
    environment: Box<dyn Simulate>,
    given: Vec<Given>,
    recorded: Vec<Recorded>,
}

/// What was compared.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) steps: usize,
    pub(crate) kernels: usize,
    pub(crate) drawn: usize,
    pub(crate) ended: usize,
    pub(crate) observations: usize,
}

impl Sets {
    /// Transitions of `rules`, each as the processor played it and as it is recorded.
    pub(crate) fn add<R: Rules>(&mut self, rules: R, transitions: Vec<(Played, Recorded)>) {
        let twin = rules.twin().expect("these rules have a twin");
        let kernel = compose(rules.shape(), &twin, Packing::Bytes, Draws::Generator);
        let set = self.0.entry(kernel).or_insert_with(|| Set {
            environment: Box::new(Vectorised::new(rules)),
            given: Vec::new(),
            recorded: Vec::new(),
        });
        for (played, recorded) in transitions {
            set.given.push(played.given);
            set.recorded.push(recorded);
        }
    }

    /// Takes them all on the device; `None` where there is none.
    pub(crate) fn compare(&self) -> Option<Counts> {
        let mut counts = Counts::default();
        for set in self.0.values() {
            let (shape, mut seen) = (set.environment.shape(), 0);
            let width = shape.observation_width();
            let mut shown = 0;
            let played = take(&*set.environment, &set.given, |lane, stepped| {
                seen += check(&set.recorded[lane], stepped, width);
                shown += 1;
            });
            if !played {
                return None;
            }
            assert_eq!(shown, set.given.len(), "every transition was taken");
            let ended = |recorded: &&Recorded| recorded.terminated || recorded.truncated;
            // What starts draw is no draw of a transition.
            let drawn = set.given.iter().zip(&set.recorded);
            counts.drawn += drawn
                .filter(|(given, recorded)| !ended(recorded) && !given.draws.is_empty())
                .count();
            counts.ended += set.recorded.iter().filter(ended).count();
            counts.steps += shown;
            counts.kernels += 1;
            counts.observations += seen;
        }
        Some(counts)
    }
}

/// How many observations were there to compare.
fn check(recorded: &Recorded, got: &Stepped<'_>, width: usize) -> usize {
    let name = &recorded.name;
    let flag = u32::from(recorded.terminated) | u32::from(recorded.truncated) << 1;
    assert_eq!(got.flag, flag, "{name}: ends");
    assert_eq!(got.rewards, recorded.rewards, "{name}: rewards");
    assert_eq!(got.shaped, recorded.shaped, "{name}: shaped rewards");
    assert_eq!(got.state, recorded.state, "{name}: state");
    let seats = recorded.rewards.len();
    let (after, start) = if flag == 0 {
        (got.seen_next, None)
    } else {
        (got.seen_last, Some(got.seen_next))
    };
    let pairs = [
        ("before", Some(got.seen_before), &recorded.seen_before),
        ("after", Some(after), &recorded.seen_after),
        ("of the next episode", start, &recorded.seen_start),
    ];
    let compared = pairs.into_iter().filter_map(|(when, got, want)| {
        let (got, want) = (bytes(got?, seats, width), want.as_ref()?);
        assert_eq!(got.len(), want.len(), "{name}: length of the observation {when}");
        if let Some(at) = got.iter().zip(want).position(|(got, want)| got != want) {
            panic!(
                "{name}: observation {when}, element {at}: {} instead of {}",
                got[at], want[at]
            );
        }
        Some(())
    });
    compared.count()
}

/// Rows without what fills up their last words.
fn bytes(rows: &[u32], seats: usize, width: usize) -> Vec<u8> {
    let rows = rows.chunks_exact(rows.len() / seats);
    rows.flat_map(|row| &bytemuck::cast_slice::<u32, u8>(row)[..width])
        .copied()
        .collect()
}
