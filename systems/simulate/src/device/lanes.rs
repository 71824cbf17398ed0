//! A block of lanes on a device, with a copy on the processor: whoever looks at states, saves them or starts episodes does so there.

use starling_components::Fault;
use starling_components::picture::Portrait;
use starling_components::program::Program;
use starling_components::random::Key;
use starling_components::rollout::ReplicaRollout;
use starling_components::simulate::{LanePlayer, Lanes, StepOutputs};
use starling_components::spaces::{Actions, EnvironmentShape, ObservationsMut};
use starling_shaders::{Actor, Block, Moves, Play, Setup, Taken, Wants, World as Kernels};
use std::sync::Arc;

/// Lanes whose steps are taken by kernels.
pub(super) struct DeviceLanes {
    /// The same lanes on the processor. Nothing steps them but what no kernel does.
    pub(super) host: Box<dyn Lanes>,
    pub(super) shape: EnvironmentShape,
    pub(super) kernels: Arc<Kernels>,
    key: Key,
    first: u32,
    starts: Option<Arc<[u32]>>,
    /// Opened when first stepped, for rollouts of that length.
    pub(super) open: Option<Open>,
    /// The copy is newer than what the device has.
    pub(super) stale: bool,
}

/// Lanes on the device.
pub(super) struct Open {
    pub(super) block: Block,
    pub(super) steps: usize,
    pub(super) final_observations: bool,
    /// Keys of each seat's actions.
    keys: Vec<Key>,
    /// The policies that played last, and their kernels.
    pub(super) actors: Vec<(Program, Vec<usize>)>,
    pub(super) kernels: Vec<Actor>,
}

impl DeviceLanes {
    pub(super) fn new(
        host: Box<dyn Lanes>,
        shape: EnvironmentShape,
        kernels: Arc<Kernels>,
        key: Key,
        first: u32,
    ) -> Self {
        Self {
            host,
            shape,
            kernels,
            key,
            first,
            starts: None,
            open: None,
            stale: true,
        }
    }

    /// The lanes on the device, ready for a rollout of `steps` steps with these keys of actions.
    pub(super) fn ready(&mut self, steps: usize, final_observations: bool, keys: &[Key]) -> Result<&mut Open, Fault> {
        let fits =
            |open: &Open| open.steps == steps && open.final_observations == final_observations && open.keys == keys;
        if !self.open.as_ref().is_some_and(fits) {
            // The old buffers go first: there may not be room for both.
            self.open = None;
            let mut all = vec![self.key];
            all.extend(keys);
            let mut block = self.kernels.open(Setup {
                keys: vec![all],
                lanes: self.host.lanes(),
                first: self.first,
                steps,
                slots: steps + 1,
                final_observations,
                outcomes: true,
            })?;
            if let Some(starts) = &self.starts {
                block.set_starts(starts)?;
            }
            self.open = Some(Open {
                block,
                steps,
                final_observations,
                keys: keys.to_vec(),
                actors: Vec::new(),
                kernels: Vec::new(),
            });
            self.stale = true;
        }
        let Some(open) = &mut self.open else {
            return Err(Fault::run("lanes were not opened"));
        };
        if self.stale {
            open.block
                .write_lanes(self.host.states(), self.host.episodes(), self.host.episode_steps());
            self.stale = false;
        }
        Ok(open)
    }

    /// Puts the copy where the device's lanes are. A device that hands back what is no state is told.
    pub(super) fn follow(&mut self, states: &[u32], clocks: &[u32]) -> Result<(), Fault> {
        let (episodes, steps): (Vec<u32>, Vec<u32>) = clocks.chunks_exact(2).map(|clock| (clock[0], clock[1])).unzip();
        self.host.restore(states, &episodes, &steps)
    }
}

/// What the device wrote of one place of observations, `[lanes, seats, words]`, as the host keeps it.
pub(super) fn unpack(words: &[u32], width: usize, out: ObservationsMut<'_>) {
    match out {
        ObservationsMut::Floats(floats) => floats.copy_from_slice(bytemuck::cast_slice(words)),
        ObservationsMut::Bytes(bytes) => {
            let all: &[u8] = bytemuck::cast_slice(words);
            let stride = width.next_multiple_of(4);
            if stride == width {
                bytes.copy_from_slice(all);
                return;
            }
            for (out, row) in bytes.chunks_exact_mut(width).zip(all.chunks_exact(stride)) {
                out.copy_from_slice(&row[..width]);
            }
        }
    }
}

/// The flags of lanes as two bytes each.
pub(super) fn split_flags(flags: &[u32], terminated: &mut [u8], truncated: &mut [u8]) {
    for ((flag, terminated), truncated) in flags.iter().zip(terminated).zip(truncated) {
        *terminated = (flag & 1) as u8;
        *truncated = (flag >> 1 & 1) as u8;
    }
}

/// What a step wants back.
const STEP: Wants = Wants {
    observations: true,
    final_observations: false,
    outcomes: true,
    actions: false,
    answers: false,
    last_values: false,
    lanes: true,
    time: false,
};

/// Copies what one step brought back.
fn write_step(taken: &Taken<'_>, shape: &EnvironmentShape, outputs: &mut StepOutputs<'_>) {
    let width = shape.observation_width();
    let seen = taken.observations.len() / 2;
    let out = match &mut outputs.observations {
        ObservationsMut::Bytes(bytes) => ObservationsMut::Bytes(bytes),
        ObservationsMut::Floats(floats) => ObservationsMut::Floats(floats),
    };
    unpack(&taken.observations[seen..], width, out);
    outputs.rewards.copy_from_slice(taken.rewards);
    outputs.shaped.copy_from_slice(taken.shaped);
    split_flags(taken.flags, outputs.terminated, outputs.truncated);
    match &mut outputs.final_observations {
        None => {}
        Some(ObservationsMut::Bytes(bytes)) => {
            unpack(taken.final_observations, width, ObservationsMut::Bytes(bytes));
        }
        Some(ObservationsMut::Floats(floats)) => {
            unpack(taken.final_observations, width, ObservationsMut::Floats(floats));
        }
    }
}

impl Lanes for DeviceLanes {
    fn lanes(&self) -> usize {
        self.host.lanes()
    }

    fn reset(&mut self) {
        self.host.reset();
        self.stale = true;
    }

    fn step(&mut self, actions: Actions<'_>, outputs: &mut StepOutputs<'_>) -> Result<(), Fault> {
        if outputs.events.is_some() {
            // Events look at states before and after a transition, and kernels hand over those after the reset only.
            self.stale = true;
            return self.host.step(actions, outputs);
        }
        let words: Vec<u32> = match actions {
            Actions::Discrete(moves) => moves.iter().map(|&number| number as u32).collect(),
            Actions::Continuous(floats) => floats.iter().map(|float| float.to_bits()).collect(),
        };
        let finals = outputs.final_observations.is_some();
        let keys = vec![self.key; self.shape.seats.len()];
        let shape = self.shape.clone();
        let open = self.ready(1, finals, &keys)?;
        let play = Play {
            steps: 1,
            time: 0,
            moves: Moves::Given(&words),
            greedy: false,
            wants: Wants {
                final_observations: finals,
                ..STEP
            },
        };
        let (states, clocks) = open.block.play(&play, |taken| {
            write_step(&taken, &shape, outputs);
            (taken.states.to_vec(), taken.clocks.to_vec())
        })?;
        self.follow(&states, &clocks)?;
        if let Some(legal) = outputs.legal.as_deref_mut() {
            self.host.legal(legal);
        }
        if let Some(active) = outputs.active.as_deref_mut() {
            self.host.active(active);
        }
        Ok(())
    }

    fn plays(&self) -> bool {
        !self.shape.masks && !self.shape.turns && !self.shape.float_actions()
    }

    fn play(
        &mut self,
        players: &[LanePlayer<'_>],
        time: u32,
        last_values: bool,
        rollout: &mut ReplicaRollout,
    ) -> Result<bool, Fault> {
        self.roll(players, time, last_values, rollout)
    }

    fn observe(&self, out: ObservationsMut<'_>) {
        self.host.observe(out);
    }
    fn legal(&self, out: &mut [u8]) {
        self.host.legal(out);
    }
    fn active(&self, out: &mut [u8]) {
        self.host.active(out);
    }
    fn global(&self, out: ObservationsMut<'_>) {
        self.host.global(out);
    }
    fn episodes(&self) -> &[u32] {
        self.host.episodes()
    }
    fn episode_steps(&self) -> &[u32] {
        self.host.episode_steps()
    }
    fn states(&self) -> &[u32] {
        self.host.states()
    }
    fn restore(&mut self, states: &[u32], episodes: &[u32], steps: &[u32]) -> Result<(), Fault> {
        self.stale = true;
        self.host.restore(states, episodes, steps)
    }
    fn set_starts(&mut self, starts: Option<Arc<[u32]>>) -> Result<(), Fault> {
        self.host.set_starts(starts.clone())?;
        if let Some(open) = &mut self.open {
            open.block.set_starts(starts.as_deref().unwrap_or_default())?;
            // Kernels of policies read the same buffers as before.
        }
        self.starts = starts;
        Ok(())
    }
    fn begin(&mut self, lane: usize, episode: u32) {
        self.stale = true;
        self.host.begin(lane, episode);
    }
    fn portray(&self, lane: usize) -> Portrait {
        self.host.portray(lane)
    }
    fn portray_after(&self, lane: usize, actions: Actions<'_>) -> Result<Portrait, Fault> {
        self.host.portray_after(lane, actions)
    }
}
