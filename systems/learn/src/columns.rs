//! A part of the lanes of one experience as `[steps, lanes x own seats]`: what generalised advantage estimation works on.

use crate::gae::{GaeSettings, gae};
use crate::network::Network;
use starling_components::act::{Act, ActInput};
use starling_components::fault::Fault;
use starling_components::learn::{Experience, LearnContext};
use starling_components::learners::ppo::PpoSettings;
use starling_components::spaces::Observations;
use std::ops::Range;

/// One of several equal parts of all lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LanePart {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

impl LanePart {
    /// All lanes.
    #[cfg(test)]
    pub(crate) const ALL: Self = Self { index: 0, of: 1 };

    /// The part of `lanes` lanes, which the parts divide.
    pub(crate) fn range(self, lanes: usize) -> Range<usize> {
        let each = lanes / self.of;
        self.index * each..(self.index + 1) * each
    }
}

/// A part of the lanes of one experience as `[steps, lanes x own seats]`.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// The lanes, of the rollout's.
    pub(crate) lanes: Range<usize>,
    rewards: Vec<f32>,
    values: Vec<f32>,
    /// The transition ended an episode, 0/1.
    pub(crate) done: Vec<u8>,
    /// The row is a decision of the agent, 0/1; empty where all are.
    pub(crate) active: Vec<u8>,
    last_values: Vec<f32>,
    pub(crate) advantages: Vec<f32>,
    pub(crate) targets: Vec<f32>,
}

/// Rows of the rollout that belong to the agent in some lanes, step by step.
pub(crate) fn own_rows<'a>(one: &Experience<'a>, lanes: Range<usize>) -> impl Iterator<Item = usize> + 'a {
    let (rollout, seats) = (one.rollout, one.seats);
    let cells = (0..rollout.steps).flat_map(move |step| lanes.clone().map(move |lane| step * rollout.lanes + lane));
    cells.flat_map(move |cell| seats.iter().map(move |&seat| cell * rollout.seats + seat))
}

impl Columns {
    /// Takes in a part of the lanes of one experience.
    pub(crate) fn fill(&mut self, one: &Experience<'_>, part: LanePart, context: &LearnContext) {
        let (rollout, seats) = (one.rollout, one.seats);
        self.lanes = part.range(rollout.lanes);
        self.rewards.clear();
        self.values.clear();
        self.done.clear();
        self.active.clear();
        self.last_values.clear();
        for row in own_rows(one, self.lanes.clone()) {
            let cell = row / rollout.seats;
            let reward = context.task_weight * rollout.rewards[row] + context.shaped_weight * rollout.shaped[row];
            let own = one.owns(row);
            self.rewards.push(if own { reward } else { 0.0 });
            self.values.push(rollout.values[row]);
            self.done.push(rollout.terminated[cell] | rollout.truncated[cell]);
            match (rollout.active.get(row), one.chair) {
                (Some(&active), _) => self.active.push(if own { active } else { 0 }),
                // Another's episode is a wait that earns nothing; it ends where that episode ends, so nothing is carried over.
                (None, Some(_)) => self.active.push(u8::from(own)),
                (None, None) => {}
            }
        }
        for lane in self.lanes.clone() {
            let row = |&seat: &usize| (rollout.steps * rollout.lanes + lane) * rollout.seats + seat;
            self.last_values
                .extend(seats.iter().map(|seat| rollout.values[row(seat)]));
        }
    }

    /// A cut-off transition earns the discounted value of the observation behind it, seen with the memory of that moment: it is not in the
    /// rollout, and lives through the column once more.
    pub(crate) fn add_values_beyond(
        &mut self,
        gamma: f32,
        network: &Network,
        parameters: &[f32],
        one: &Experience<'_>,
        context: &LearnContext,
    ) -> Result<(), Fault> {
        let rollout = one.rollout;
        let Some(finals) = &rollout.final_observations else {
            return Err(Fault::run(
                "the rollout has no final observations, which `bootstrap_truncation` needs",
            ));
        };
        let cut_off = |cell: usize| rollout.truncated[cell] != 0 && rollout.terminated[cell] == 0;
        let (own, numbers) = (self.lanes.len() * one.seats.len(), network.carry());
        let (mut carry, mut next) = (vec![0.0; numbers], vec![0.0; numbers]);
        for column in 0..own {
            let lane = self.lanes.start + column / one.seats.len();
            let seat = one.seats[column % one.seats.len()];
            let last = (0..rollout.steps).rfind(|step| cut_off(step * rollout.lanes + lane));
            let place = lane * rollout.seats + seat;
            if numbers > 0 {
                let stride = rollout.carry.len() / (rollout.lanes * rollout.seats);
                carry.copy_from_slice(&rollout.carry[place * stride..][..numbers]);
            }
            for step in 0..last.map_or(0, |last| last + 1) {
                let (cell, i) = (step * rollout.lanes + lane, step * own + column);
                let row = cell * rollout.seats + seat;
                let its_place = row * rollout.width..(row + 1) * rollout.width;
                if numbers > 0 && self.active.get(i) != Some(&0) {
                    let seen = rollout.observations.slice(its_place.clone());
                    network.remember(parameters, &view(context, seen, &carry), &mut next)?;
                    carry.copy_from_slice(&next);
                }
                if cut_off(cell) && one.owns(row) {
                    let mut value = [0.0];
                    network.values(parameters, &view(context, finals.slice(its_place), &carry), &mut value)?;
                    self.rewards[i] += gamma * value[0];
                }
                if self.done[i] != 0 {
                    carry.fill(0.0);
                }
            }
        }
        Ok(())
    }

    /// Advantages and value targets.
    pub(crate) fn estimate(&mut self, settings: &PpoSettings) {
        let discounts = GaeSettings {
            gamma: settings.gamma as f32,
            lambda: settings.gae_lambda as f32,
        };
        self.advantages.resize(self.rewards.len(), 0.0);
        self.targets.resize(self.rewards.len(), 0.0);
        gae(
            discounts,
            &self.rewards,
            &self.values,
            &self.done,
            &self.active,
            &self.last_values,
            &mut self.advantages,
            &mut self.targets,
        );
    }
}

/// One row that is looked at with this memory.
fn view<'a>(context: &LearnContext, observations: Observations<'a>, carry: &'a [f32]) -> ActInput<'a> {
    ActInput {
        observations,
        legal: None,
        carry,
        ids: &[0],
        time: 0,
        key: context.key,
        greedy: true,
        explore: 0.0,
    }
}
