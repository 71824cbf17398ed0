//! One replica collects: act, step, count, for as many steps as the rollout has. Callable without a world.

use crate::blocks::ReplicaLanes;
use crate::episodes::{Ended, Finished, seat_mean};
use crate::normalize::Live;
use crate::players::{Moment, Moves, Player};
use crate::seating::{NOBODY, Usher};
use starling_components::fault::Fault;
use starling_components::profile::Laps;
use starling_components::rollout::ReplicaRollout;
use starling_components::simulate::{LanePlayer, StepOutputs};
use starling_components::spaces::{ActionBuffer, EnvironmentShape};

/// Stages of a step that are timed: places in [`StepLaps`].
const ACT: usize = 0;
const STEP: usize = 1;
const OBSERVE: usize = 2;
const COUNT: usize = 3;
/// All steps at once, by lanes that play by themselves.
const DEVICE: usize = 4;

/// Their names.
pub(crate) const STAGES: [&str; 5] = ["act", "step", "observe", "count", "device"];

/// Times of the stages of all steps.
pub(crate) type StepLaps = Laps<5>;

/// Plays `rollout.steps` steps in every lane and fills `rollout`. Returns the episodes that ended. Where seats change, `players` are the
/// chairs and `usher` seats every episode that starts. Values of the last observations are estimated only if `last_values`.
///
/// # Errors
/// A policy that refuses its rows; buffers that do not fit; a replica that has used up its 2^32 steps.
#[allow(clippy::too_many_arguments)] // everything that a replica meets in a tick
pub(crate) fn collect_replica(
    shape: &EnvironmentShape,
    players: &[Player<'_>],
    usher: Option<&Usher>,
    replica: &mut ReplicaLanes,
    rollout: &mut ReplicaRollout,
    mut statistics: Option<Live<'_>>,
    last_values: bool,
    laps: &mut StepLaps,
) -> Result<Finished, Fault> {
    let steps = rollout.steps;
    if replica.time.checked_add(steps as u32).is_none() {
        return Err(
            Fault::run("a lane has taken 2^32 steps: the counter of its draws is used up")
                .advise("start a new run from this one's parameters"),
        );
    }
    let (seats, lanes) = (rollout.seats, rollout.lanes);
    let rows = lanes * seats;
    let observations = rows * rollout.width;
    let actions = rows * shape.action_components();
    let moves = rows * shape.moves();
    let carry_len = replica.carry.len() / rows;
    rollout.carry.copy_from_slice(&replica.carry);
    replica.block.observe(rollout.observations.slice_mut(0..observations));
    if let Some(statistics) = &mut statistics {
        let new = replica.time == 0 || statistics.is_new();
        statistics.begin(rollout, new);
    }
    if shape.masks {
        replica.block.legal(&mut rollout.legal[..moves]);
    }
    let mut next_active = vec![0; if shape.turns { rows } else { 0 }];
    if shape.turns {
        replica.block.active(&mut next_active);
    }
    let mut count = Counts {
        finished: Finished::of_steps(steps),
        episodes: replica.block.episodes().to_vec(),
        steps: replica.block.episode_steps().to_vec(),
    };
    if let Some(usher) = usher {
        for (lane, chairs) in replica.chairs.chunks_exact_mut(seats).enumerate() {
            if chairs.contains(&NOBODY) {
                usher.seat(lane as u32, count.episodes[lane], chairs);
            }
        }
        replica.table.sit(&replica.chairs, players.len())?;
    }
    let fixed = usher.is_none() && statistics.is_none() && carry_len == 0;
    if fixed && replica.block.plays() && play_at_once(players, replica, rollout, last_values)? {
        laps.lap(DEVICE);
        for step in 0..steps {
            let (by_row, by_lane) = (step * rows..(step + 1) * rows, step * lanes..(step + 1) * lanes);
            replica.time += 1;
            let outcome = StepOutcome {
                rewards: &rollout.rewards[by_row.clone()],
                shaped: &rollout.shaped[by_row],
                terminated: &rollout.terminated[by_lane.clone()],
                truncated: &rollout.truncated[by_lane],
            };
            count.step(replica, outcome, None, seats, carry_len);
        }
        laps.lap(COUNT);
        return Ok(count.finished);
    }
    for step in 0..steps {
        let by_row = step * rows..(step + 1) * rows;
        if usher.is_some() {
            rollout.chairs[by_row.clone()].copy_from_slice(&replica.chairs);
        }
        let by_lane = step * lanes..(step + 1) * lanes;
        let by_action = step * actions..(step + 1) * actions;
        if shape.turns {
            rollout.active[by_row.clone()].copy_from_slice(&next_active);
        }
        let moment = Moment {
            observations: rollout
                .observations
                .slice(step * observations..(step + 1) * observations),
            legal: shape.masks.then(|| &rollout.legal[step * moves..(step + 1) * moves]),
            active: shape.turns.then(|| &rollout.active[by_row.clone()]),
            time: replica.time,
            greedy: false,
        };
        let mut answers = Moves {
            actions: rollout.actions.slice_mut(by_action.clone()),
            log_probs: &mut rollout.log_probs[by_row.clone()],
            values: &mut rollout.values[by_row.clone()],
            carry: &mut replica.carry,
        };
        replica.table.act(players, moment, &mut answers)?;
        laps.lap(ACT);
        let next = (step + 1) * observations..(step + 2) * observations;
        let finals = rollout.final_observations.as_mut();
        let mut outputs = StepOutputs {
            observations: rollout.observations.slice_mut(next.clone()),
            rewards: &mut rollout.rewards[by_row.clone()],
            shaped: &mut rollout.shaped[by_row.clone()],
            terminated: &mut rollout.terminated[by_lane.clone()],
            truncated: &mut rollout.truncated[by_lane.clone()],
            legal: shape
                .masks
                .then(|| &mut rollout.legal[(step + 1) * moves..(step + 2) * moves]),
            active: shape.turns.then_some(&mut next_active),
            final_observations: finals.map(|f| f.slice_mut(step * observations..(step + 1) * observations)),
            events: None,
        };
        replica.block.step(rollout.actions.slice(by_action), &mut outputs)?;
        laps.lap(STEP);
        if laps.on() {
            // A step observes each lane as soon as it has stepped. To tell the two apart, the same observations are written once more.
            replica.block.observe(rollout.observations.slice_mut(next));
            laps.lap(OBSERVE);
        }
        replica.time += 1;
        let outcome = StepOutcome {
            rewards: &rollout.rewards[by_row.clone()],
            shaped: &rollout.shaped[by_row],
            terminated: &rollout.terminated[by_lane.clone()],
            truncated: &rollout.truncated[by_lane],
        };
        let ended = count.step(replica, outcome, usher, seats, carry_len);
        if usher.is_some() && ended {
            replica.table.sit(&replica.chairs, players.len())?;
        }
        if let Some(statistics) = &mut statistics {
            statistics.step(rollout, step);
        }
        laps.lap(COUNT);
    }
    let last = Moment {
        observations: rollout
            .observations
            .slice(steps * observations..(steps + 1) * observations),
        legal: shape.masks.then(|| &rollout.legal[steps * moves..(steps + 1) * moves]),
        active: None,
        time: replica.time,
        greedy: false,
    };
    if last_values {
        replica
            .table
            .values(players, last, &replica.carry, &mut rollout.values[steps * rows..])?;
        laps.lap(ACT);
    }
    debug_assert_eq!(count.episodes, replica.block.episodes());
    debug_assert_eq!(count.steps, replica.block.episode_steps());
    debug_assert!(matches!(
        (&rollout.actions, shape.float_actions()),
        (ActionBuffer::Discrete(_), false) | (ActionBuffer::Continuous(_), true)
    ));
    Ok(count.finished)
}

/// The whole rollout by the lanes themselves, where they and all policies can; false, with nothing done, where not.
fn play_at_once(
    players: &[Player<'_>],
    replica: &mut ReplicaLanes,
    rollout: &mut ReplicaRollout,
    last_values: bool,
) -> Result<bool, Fault> {
    let mut all = Vec::new();
    for player in players {
        let Some(program) = player.policy.program().filter(|_| player.explore == 0.0) else {
            return Ok(false);
        };
        all.push(LanePlayer {
            program,
            parameters: player.parameters,
            key: player.key,
            seats: player.seats,
        });
    }
    let time = replica.time;
    replica.block.play(&all, time, last_values, rollout)
}

/// Which episode each lane plays, followed from the flags: the block only tells what comes after the reset.
struct Counts {
    finished: Finished,
    episodes: Vec<u32>,
    steps: Vec<u32>,
}

struct StepOutcome<'a> {
    rewards: &'a [f32],
    shaped: &'a [f32],
    terminated: &'a [u8],
    truncated: &'a [u8],
}

impl Counts {
    /// Counts one step of all lanes; whether an episode ended.
    fn step(
        &mut self,
        replica: &mut ReplicaLanes,
        outcome: StepOutcome<'_>,
        usher: Option<&Usher>,
        seats: usize,
        carry: usize,
    ) -> bool {
        let before = self.finished.len();
        for (total, reward) in replica.returns.iter_mut().zip(outcome.rewards) {
            *total += reward;
        }
        for (total, reward) in replica.shaped_returns.iter_mut().zip(outcome.shaped) {
            *total += reward;
        }
        for lane in 0..self.steps.len() {
            self.steps[lane] += 1;
            if outcome.terminated[lane] | outcome.truncated[lane] == 0 {
                continue;
            }
            let rows = lane * seats..(lane + 1) * seats;
            let returns = &mut replica.returns[rows.clone()];
            let shaped_returns = &mut replica.shaped_returns[rows.clone()];
            self.finished.push(Ended {
                lane: replica.first + lane as u32,
                episode: self.episodes[lane],
                length: self.steps[lane],
                // Both flags may be set; an episode that the rules ended is not one that was cut off.
                truncated: outcome.terminated[lane] == 0,
                returns,
                shaped_returns,
                chairs: if usher.is_some() {
                    &replica.chairs[rows.clone()]
                } else {
                    &[]
                },
            });
            replica.last_returns[lane] = seat_mean(returns) as f32;
            returns.fill(0.0);
            shaped_returns.fill(0.0);
            replica.carry[rows.start * carry..rows.end * carry].fill(0.0);
            self.episodes[lane] += 1;
            self.steps[lane] = 0;
            if let Some(usher) = usher {
                usher.seat(lane as u32, self.episodes[lane], &mut replica.chairs[rows]);
            }
        }
        self.finished.end_step();
        self.finished.len() > before
    }
}
