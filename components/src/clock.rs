//! Named clocks: what a connected group of entities has done so far, and how much it will have done at the end.

use crate::fault::Fault;
use crate::persist::{Persist, Section, SectionReader, TensorData};
use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "snake_case")]
pub enum ClockName {
    /// Environment steps of one replica: lanes x steps. A step of a whole lane counts once, whatever the seats.
    EnvSteps,
    /// Updates of the learner (one per rollout).
    #[default]
    Updates,
    /// Optimiser steps of one replica.
    GradientSteps,
    /// Passes of the schedule.
    Ticks,
    /// Passes over a dataset.
    Epochs,
}

/// One value per clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClockValues {
    /// See [`ClockName::EnvSteps`].
    pub env_steps: u64,
    /// See [`ClockName::Updates`].
    pub updates: u64,
    /// See [`ClockName::GradientSteps`].
    pub gradient_steps: u64,
    /// See [`ClockName::Ticks`].
    pub ticks: u64,
    /// See [`ClockName::Epochs`].
    #[serde(default)]
    pub epochs: u64,
}

impl ClockValues {
    /// The value of the clock called `name`.
    pub fn get(&self, name: ClockName) -> u64 {
        match name {
            ClockName::EnvSteps => self.env_steps,
            ClockName::Updates => self.updates,
            ClockName::GradientSteps => self.gradient_steps,
            ClockName::Ticks => self.ticks,
            ClockName::Epochs => self.epochs,
        }
    }
}

/// The clocks of one stage, on the entity of `[stage.x]`; of a pipeline without stages, of one connected group (on the group's own
/// entity). Saved: what has been done; `per_tick`, `total` and `rounds` are derived from the pipeline.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clocks {
    /// What has been done since the stage began.
    pub now: ClockValues,
    /// What one tick adds; the environment fills `env_steps`, the learner `updates` and `gradient_steps`.
    pub per_tick: ClockValues,
    /// What will have been done when the stage ends: whole ticks only, so `until = { env_steps = 500_000 }` with 512 per tick
    /// ends after 976 ticks. Zero where nothing bounds it.
    pub total: ClockValues,
    /// Equal parts that the stage is cut into; 0 counts as 1.
    pub rounds: u32,
    /// Ticks of the longest chain of stages before this one: rows are numbered through.
    pub ticks_before: u64,
    /// Stages before this one have not ended: nothing collects or learns yet.
    pub waiting: bool,
    /// The stage has reached its `until`; nothing collects or learns any more.
    pub finished: bool,
}

impl Clocks {
    /// The stage collects and learns.
    pub fn running(&self) -> bool {
        !self.waiting && !self.finished
    }
    /// Completed ticks as rows number them: through all stages of a chain.
    pub fn tick(&self) -> u64 {
        self.ticks_before + self.now.ticks
    }
    /// The round that the next tick belongs to, from 0: round r of R begins at tick r x total / R, rounded down.
    pub fn round(&self) -> u32 {
        let rounds = u64::from(self.rounds.max(1));
        let begun = |round: &u64| round * self.total.ticks / rounds <= self.now.ticks;
        (0..rounds).rfind(begun).unwrap_or(0) as u32
    }
    /// The next tick is the first of its round.
    pub fn begins_round(&self) -> bool {
        let rounds = u64::from(self.rounds.max(1));
        u64::from(self.round()) * self.total.ticks / rounds == self.now.ticks
    }
}

/// Checkpoints from before there were stages have five numbers: nothing waits, and no stage came before.
impl Persist for Clocks {
    const SECTION: &'static str = "clocks";

    fn save(&self, section: &mut Section<'_>) {
        let now = self.now;
        let values = vec![
            now.env_steps,
            now.updates,
            now.gradient_steps,
            now.ticks,
            u64::from(self.finished),
            now.epochs,
            self.ticks_before,
            u64::from(self.waiting),
        ];
        section.put("now", &[8], TensorData::U64(values));
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        let values = section
            .u64("now", &[8])
            .or_else(|fault| section.u64("now", &[5]).map_err(|_| fault))?;
        let at = |index: usize| values.get(index).copied().unwrap_or(0);
        self.now = ClockValues {
            env_steps: at(0),
            updates: at(1),
            gradient_steps: at(2),
            ticks: at(3),
            epochs: at(5),
        };
        self.finished = at(4) != 0;
        self.ticks_before = at(6);
        self.waiting = at(7) != 0;
        Ok(())
    }
}

/// Which group (the entity that carries [`Clocks`]) an entity belongs to.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member(pub Entity);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_begin_at_whole_ticks() {
        let clocks = |ticks: u64| Clocks {
            now: ClockValues {
                ticks,
                ..ClockValues::default()
            },
            total: ClockValues {
                ticks: 10,
                ..ClockValues::default()
            },
            rounds: 3,
            ..Clocks::default()
        };
        let rounds: Vec<u32> = (0..10).map(|t| clocks(t).round()).collect();
        assert_eq!(rounds, [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]);
        let begins: Vec<u64> = (0..10).filter(|&t| clocks(t).begins_round()).collect();
        assert_eq!(begins, [0, 3, 6]);
    }
}
