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
}

impl ClockValues {
    /// The value of the clock called `name`.
    pub fn get(&self, name: ClockName) -> u64 {
        match name {
            ClockName::EnvSteps => self.env_steps,
            ClockName::Updates => self.updates,
            ClockName::GradientSteps => self.gradient_steps,
            ClockName::Ticks => self.ticks,
        }
    }
}

/// The clocks of one connected group (on the group's own entity). Saved: `now`; `total` is derived from the pipeline.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clocks {
    /// What has been done.
    pub now: ClockValues,
    /// What one tick adds; the environment fills `env_steps`, the learner `updates` and `gradient_steps`.
    pub per_tick: ClockValues,
    /// What will have been done when the stage ends: whole ticks only, so `until = { env_steps = 500_000 }` with 512 per tick
    /// ends after 976 ticks. Zero where nothing bounds it.
    pub total: ClockValues,
    /// The stage has reached its `until`; nothing collects or learns any more.
    pub finished: bool,
}

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
        ];
        section.put("now", &[5], TensorData::U64(values));
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        if let [env_steps, updates, gradient_steps, ticks, finished] = section.u64("now", &[5])?[..] {
            self.now = ClockValues {
                env_steps,
                updates,
                gradient_steps,
                ticks,
            };
            self.finished = finished != 0;
        }
        Ok(())
    }
}

/// Which group (the entity that carries [`Clocks`]) an entity belongs to.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member(pub Entity);
