//! Trajectory rows of a rollout: every n-th episode of each lane, whole.
//!
//! Whether a step is recorded depends on its episode's number only, so an episode that spans ticks is recorded in all of them. Columns are
//! built by whole-buffer copies where every step is wanted: recording must not cost what learning does.

use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ActionBuffer, ObservationBuffer};
use starling_components::specs::TrajectoriesSpec;
use starling_components::tables::trajectories::Trajectories;
use std::collections::BTreeMap;

/// What a row's key columns say.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub tick: u64,
    pub entity: &'a str,
    pub replica: u32,
    /// Number of the rollout's first lane.
    pub first_lane: u32,
    /// `agent:replica` of each seat, from the chairs of an episode; from none where seats are fixed.
    pub seating: &'a dyn Fn(&[u16]) -> String,
}

/// The recorded rows of one replica's rollout, by step and then lane, and how many each step has. `episodes` and `steps` are those of each lane before the first step.
pub(crate) fn rows_of(
    rollout: &ReplicaRollout,
    origin: Origin<'_>,
    spec: &TrajectoriesSpec,
    episodes: &[u32],
    steps: &[u32],
) -> (Trajectories, Vec<u32>) {
    let lanes = rollout.lanes;
    let (mut episodes, mut steps) = (episodes.to_vec(), steps.to_vec());
    let all = rollout.steps * lanes;
    let expected = all / spec.every.max(1) as usize;
    let mut rows: Vec<usize> = Vec::with_capacity(expected);
    let (mut lane_column, mut episode_column) = (Vec::with_capacity(expected), Vec::with_capacity(expected));
    let mut step_column = Vec::with_capacity(expected);
    let mut seatings = Seatings::of(rollout, origin.seating);
    let (first, mut by_step) = (origin.first_lane, Vec::with_capacity(rollout.steps));
    for step in 0..rollout.steps {
        let before = lane_column.len();
        if spec.every <= 1 {
            lane_column.extend(first..first + lanes as u32);
            episode_column.extend_from_slice(&episodes);
            step_column.extend_from_slice(&steps);
            (0..lanes).for_each(|lane| seatings.push(lane, step));
        }
        for lane in 0..lanes {
            let row = step * lanes + lane;
            if spec.every > 1 && episodes[lane].is_multiple_of(spec.every) {
                rows.push(row);
                lane_column.push(first + lane as u32);
                episode_column.push(episodes[lane]);
                step_column.push(steps[lane]);
                seatings.push(lane, step);
            }
            let ended = rollout.terminated[row] | rollout.truncated[row] != 0;
            episodes[lane] += u32::from(ended);
            steps[lane] = if ended { 0 } else { steps[lane] + 1 };
            if ended {
                seatings.rise(lane);
            }
        }
        by_step.push((lane_column.len() - before) as u32);
    }
    let pick = (spec.every > 1).then_some(&*rows);
    let count = lane_column.len();
    let action_width = match &rollout.actions {
        ActionBuffer::Discrete(a) => a.len() / all,
        ActionBuffer::Continuous(a) => a.len() / all,
    };
    let observation_width = rollout.seats * rollout.width;
    let (observation_bytes, observations) = match (&rollout.observations, spec.observations) {
        (_, false) => (0, Vec::new()),
        (ObservationBuffer::Bytes(bytes), true) => (
            observation_width,
            picked(&bytes[..all * observation_width], observation_width, pick),
        ),
        (ObservationBuffer::Floats(floats), true) => {
            let rows = picked(&floats[..all * observation_width], observation_width, pick);
            (
                observation_width * 4,
                rows.iter().flat_map(|f| f.to_le_bytes()).collect(),
            )
        }
    };
    let rows = Trajectories {
        seats: rollout.seats,
        action_width,
        observation_bytes,
        tick: vec![origin.tick; count],
        entity: origin.entity.to_owned(),
        replica: vec![origin.replica; count],
        lane: lane_column,
        episode: episode_column,
        step: step_column,
        actions: match &rollout.actions {
            ActionBuffer::Discrete(actions) => picked(actions, action_width, pick),
            ActionBuffer::Continuous(actions) => picked(bytemuck::cast_slice(actions), action_width, pick),
        },
        rewards: picked(
            if rollout.raw_rewards.is_empty() {
                &rollout.rewards
            } else {
                &rollout.raw_rewards
            },
            rollout.seats,
            pick,
        ),
        shaped: picked(&rollout.shaped, rollout.seats, pick),
        terminated: picked(&rollout.terminated, 1, pick).iter().map(|&t| t != 0).collect(),
        truncated: picked(&rollout.truncated, 1, pick).iter().map(|&t| t != 0).collect(),
        seatings: seatings.names,
        seating_of: seatings.rows,
        observations,
    };
    (rows, by_step)
}

/// The seating of every recorded row, where seats change.
struct Seatings<'a> {
    rollout: &'a ReplicaRollout,
    name: &'a dyn Fn(&[u16]) -> String,
    names: Vec<String>,
    /// Index into `names` of every row so far.
    rows: Vec<u32>,
    known: BTreeMap<&'a [u16], u32>,
    /// Of the episode that a lane plays, once it is asked for: who sits there changes only where it ends.
    lanes: Vec<Option<u32>>,
}

impl<'a> Seatings<'a> {
    fn of(rollout: &'a ReplicaRollout, name: &'a dyn Fn(&[u16]) -> String) -> Self {
        let fixed = rollout.chairs.is_empty();
        Self {
            rollout,
            name,
            names: if fixed { vec![name(&[])] } else { Vec::new() },
            rows: Vec::new(),
            known: BTreeMap::new(),
            lanes: vec![None; if fixed { 0 } else { rollout.lanes }],
        }
    }

    /// A row of `lane` in `step` is recorded.
    fn push(&mut self, lane: usize, step: usize) {
        let Some(of_lane) = self.lanes.get_mut(lane) else {
            return;
        };
        let rollout = self.rollout;
        let index = *of_lane.get_or_insert_with(|| {
            let row = (step * rollout.lanes + lane) * rollout.seats;
            let chairs = &rollout.chairs[row..row + rollout.seats];
            *self.known.entry(chairs).or_insert_with(|| {
                self.names.push((self.name)(chairs));
                self.names.len() as u32 - 1
            })
        });
        self.rows.push(index);
    }

    /// An episode of `lane` has ended.
    fn rise(&mut self, lane: usize) {
        if let Some(of_lane) = self.lanes.get_mut(lane) {
            *of_lane = None;
        }
    }
}

/// The chosen rows of `[rows, width]`, or all of them.
fn picked<T: Copy>(all: &[T], width: usize, rows: Option<&[usize]>) -> Vec<T> {
    match rows {
        None => all.to_vec(),
        Some(rows) => {
            let mut out = Vec::with_capacity(rows.len() * width);
            for row in rows {
                out.extend_from_slice(&all[row * width..(row + 1) * width]);
            }
            out
        }
    }
}
