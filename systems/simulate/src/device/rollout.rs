//! A whole rollout as one submission, where the device has room for all policies.

use super::lanes::{DeviceLanes, split_flags, unpack};
use starling_components::Fault;
use starling_components::random::Key;
use starling_components::rollout::ReplicaRollout;
use starling_components::simulate::LanePlayer;
use starling_components::spaces::{ActionBuffer, ObservationBuffer, ObservationsMut};
use starling_shaders::{Actor, Moves, Play, Taken, Wants};

impl DeviceLanes {
    /// See [`starling_components::simulate::Lanes::play`].
    pub(super) fn roll(
        &mut self,
        players: &[LanePlayer<'_>],
        time: u32,
        last_values: bool,
        rollout: &mut ReplicaRollout,
    ) -> Result<bool, Fault> {
        let mut keys: Vec<Option<Key>> = vec![None; self.shape.seats.len()];
        for player in players {
            for &seat in player.seats {
                keys[seat] = Some(player.key);
            }
        }
        let Some(keys) = keys.into_iter().collect::<Option<Vec<Key>>>() else {
            return Ok(false);
        };
        let finals = rollout.final_observations.is_some();
        let shape = self.shape.clone();
        let steps = rollout.steps;
        let gpu = std::sync::Arc::clone(self.kernels.gpu());
        if !players.iter().all(|player| Actor::fits(&gpu, &player.program)) {
            return Ok(false);
        }
        let open = self.ready(steps, finals, &keys)?;
        let cast: Vec<_> = players
            .iter()
            .map(|player| (player.program.clone(), player.seats.to_vec()))
            .collect();
        if open.actors != cast {
            let kernel = |player: &LanePlayer<'_>| Actor::new(&open.block, &shape, &player.program, player.seats);
            open.kernels = players.iter().map(kernel).collect::<Result<_, _>>()?;
            open.actors = cast;
        }
        for (player, kernel) in players.iter().zip(&open.kernels) {
            kernel.set(&gpu, player.parameters)?;
        }
        let play = Play {
            steps,
            time,
            moves: Moves::Actors(&open.kernels),
            greedy: false,
            wants: Wants {
                observations: true,
                final_observations: finals,
                outcomes: true,
                actions: true,
                answers: true,
                last_values,
                lanes: true,
                time: false,
            },
        };
        let (states, clocks) = open.block.play(&play, |taken| {
            copy(&taken, last_values, rollout);
            (taken.states.to_vec(), taken.clocks.to_vec())
        })?;
        self.follow(&states, &clocks)?;
        let numbers = rollout.log_probs.iter().chain(&rollout.values);
        if !numbers.into_iter().all(|number| number.is_finite()) {
            return Err(Fault::run("the network's output is not a finite number")
                .advise("the parameters have grown out of range: a smaller learning rate helps"));
        }
        Ok(true)
    }
}

/// Everything into its place: observations by one copy where rows are whole words.
fn copy(taken: &Taken<'_>, last_values: bool, rollout: &mut ReplicaRollout) {
    let width = rollout.width;
    let whole = |buffer: &mut ObservationBuffer, words: &[u32]| match buffer {
        ObservationBuffer::Bytes(bytes) => unpack(words, width, ObservationsMut::Bytes(bytes)),
        ObservationBuffer::Floats(floats) => unpack(words, width, ObservationsMut::Floats(floats)),
    };
    whole(&mut rollout.observations, taken.observations);
    if let Some(finals) = &mut rollout.final_observations {
        whole(finals, taken.final_observations);
    }
    if let ActionBuffer::Discrete(actions) = &mut rollout.actions {
        actions.copy_from_slice(bytemuck::cast_slice(taken.actions));
    }
    rollout.rewards.copy_from_slice(taken.rewards);
    rollout.shaped.copy_from_slice(taken.shaped);
    rollout.log_probs.copy_from_slice(taken.log_probs);
    rollout.values.copy_from_slice(taken.values);
    if !last_values {
        let rows = rollout.log_probs.len();
        rollout.values[rows..].fill(0.0);
    }
    split_flags(taken.flags, &mut rollout.terminated, &mut rollout.truncated);
}
