//! A world on the device and on the processor, step by step from the same starts with the same actions.

use super::gpu;
use starling_components::random::{Counter, Draw, Key};
use starling_components::simulate::{Lanes, Simulate, StepOutputs};
use starling_components::spaces::{ActionSpace, Actions, EnvironmentShape, ObservationBuffer, ObservationsMut};
use starling_shaders::{Block, Moves, Packing, Play, Setup, Taken, Wants, World};
use starling_tests::golden;

/// How long a comparison goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    pub(crate) lanes: usize,
    /// Steps of one dispatch.
    pub(crate) steps: usize,
    pub(crate) dispatches: usize,
}

impl Length {
    /// A million steps and a bit.
    pub(crate) const MILLION: Self = Self {
        lanes: 500,
        steps: 20,
        dispatches: 102,
    };
}

/// What one step wrote on the processor.
pub(crate) struct Written {
    pub(crate) observations: ObservationBuffer,
    pub(crate) finals: ObservationBuffer,
    pub(crate) rewards: Vec<f32>,
    pub(crate) shaped: Vec<f32>,
    pub(crate) terminated: Vec<u8>,
    pub(crate) truncated: Vec<u8>,
}

impl Written {
    pub(crate) fn new(shape: &EnvironmentShape, lanes: usize) -> Self {
        let rows = lanes * shape.seats.len();
        let width = rows * shape.observation_width();
        Self {
            observations: ObservationBuffer::zeros(shape, width),
            finals: ObservationBuffer::zeros(shape, width),
            rewards: vec![0.0; rows],
            shaped: vec![0.0; rows],
            terminated: vec![0; lanes],
            truncated: vec![0; lanes],
        }
    }

    /// One step of all lanes.
    pub(crate) fn step(&mut self, lanes: &mut dyn Lanes, actions: Actions<'_>) {
        let width = self.observations.len();
        let mut outputs = StepOutputs {
            observations: self.observations.slice_mut(0..width),
            rewards: &mut self.rewards,
            shaped: &mut self.shaped,
            terminated: &mut self.terminated,
            truncated: &mut self.truncated,
            legal: None,
            active: None,
            final_observations: Some(self.finals.slice_mut(0..width)),
            events: None,
        };
        lanes.step(actions, &mut outputs).expect("lanes step");
    }

    pub(crate) fn observe(&mut self, lanes: &dyn Lanes) {
        let width = self.observations.len();
        lanes.observe(self.observations.slice_mut(0..width));
    }

    pub(crate) fn flag(&self, lane: usize) -> u32 {
        u32::from(self.terminated[lane]) | u32::from(self.truncated[lane]) << 1
    }
}

/// Opens `environment` on the device; `None` where there is no device.
pub(crate) fn open(environment: &dyn Simulate, key: Key, length: Length, packing: Packing) -> Option<Block> {
    let twin = environment.twin().expect("these rules have a twin");
    let shape = environment.shape();
    let world = World::compile(gpu()?, shape, &twin, packing).unwrap_or_else(|fault| panic!("{}", fault.message));
    let block = world.open(Setup {
        keys: vec![vec![key; 1 + shape.seats.len()]],
        lanes: length.lanes,
        first: 0,
        steps: length.steps,
        slots: length.steps + 1,
        final_observations: true,
        outcomes: true,
    });
    Some(block.unwrap_or_else(|fault| panic!("{}", fault.message)))
}

/// Uniformly random actions of all seats, `[lanes, seats]`, as words.
pub(crate) fn random_actions(shape: &EnvironmentShape, lanes: usize, draw: &mut impl Draw) -> Vec<u32> {
    let seats = shape.seats.iter();
    let row: Vec<_> = seats.map(|seat| &seat.action).collect();
    let mut draw = |action: &ActionSpace| match action {
        ActionSpace::Discrete { names } => draw.below(names.len() as u32),
        // Beyond the box too: the rules say what that does.
        ActionSpace::Box { low, high } => (1.25 * draw.uniform(low[0], high[0])).to_bits(),
        other => panic!("no world of kernels has actions {other:?}"),
    };
    (0..lanes)
        .flat_map(|_| row.iter().map(|action| draw(action)).collect::<Vec<_>>())
        .collect()
}

/// Everything that a rollout can bring back.
pub(crate) const ALL: Wants = Wants {
    observations: true,
    final_observations: true,
    outcomes: true,
    actions: false,
    answers: false,
    last_values: false,
    lanes: true,
    time: false,
};

/// What the device wrote of one row of observations, as bytes.
fn row(world: &World, taken: &[u32], lanes: usize, place: [usize; 3]) -> Vec<u8> {
    world.unpack(taken, lanes, place[0], place[1], place[2])
}

/// Compares the bytes of all rows of one place. `lanes_of` says which lanes count.
fn check_bytes(
    world: &World,
    packing: Packing,
    shape: &EnvironmentShape,
    taken: &[u32],
    slot: usize,
    want: &[u8],
    counts: impl Fn(usize) -> bool,
) {
    let (width, seats) = (shape.observation_width(), shape.seats.len());
    let lanes = want.len() / (width * seats);
    if packing == Packing::Bytes {
        // Rows are whole words.
        let bytes: &[u8] = bytemuck::cast_slice(taken);
        let stride = 4 * world.observation_words();
        let all = &bytes[slot * lanes * seats * stride..];
        for (number, (got, want)) in all.chunks_exact(stride).zip(want.chunks_exact(width)).enumerate() {
            if counts(number / seats) && got[..width] != *want {
                let at = got.iter().zip(want).position(|(got, want)| got != want);
                let pair = at.map(|at| (got[at], want[at]));
                panic!("place {slot}, row {number}: observation differs at {at:?}, {pair:?} instead");
            }
        }
        return;
    }
    for (number, want) in want.chunks_exact(width).enumerate() {
        let (lane, seat) = (number / seats, number % seats);
        if counts(lane) {
            let got = row(world, taken, lanes, [slot, lane, seat]);
            assert_eq!(got, want, "place {slot}, lane {lane}, seat {seat}: observation");
        }
    }
}

/// Plays `environment` on both, with the actions that `act` gives (from step, states and observations of the processor, `[lanes, seats]`),
/// and insists on equal bits. Returns how many steps were compared and how many episodes ended.
pub(crate) fn play(
    environment: &dyn Simulate,
    length: Length,
    packing: Packing,
    mut act: impl FnMut(usize, &Written) -> Vec<u32>,
) -> Option<(usize, usize)> {
    let key = Key::of_seed(11).fold(3, 5);
    let mut block = open(environment, key, length, packing)?;
    let world = std::sync::Arc::clone(block.world());
    let shape = environment.shape();
    let mut lanes = environment.open(key, length.lanes);
    lanes.reset();
    block.reset().expect("lanes start");
    let mut written = Written::new(shape, length.lanes);
    written.observe(&*lanes);
    let (rows, mut time, mut ended) = (length.lanes * shape.seats.len(), 0, 0);
    for dispatch in 0..length.dispatches {
        // Last states of episodes are looked at now and then: they are as large as all the others together.
        let finals_too = dispatch % 5 == 0;
        // The processor first: scripts look at its observations.
        let mut actions = Vec::new();
        let mut steps = Vec::new();
        let bytes = |buffer: &ObservationBuffer| match buffer {
            ObservationBuffer::Bytes(bytes) => bytes.clone(),
            ObservationBuffer::Floats(_) => panic!("lockstep is for observations of bytes"),
        };
        let first = bytes(&written.observations);
        for _ in 0..length.steps {
            let given = act(time, &written);
            time += 1;
            let moves: Vec<i32> = given.iter().map(|&word| word as i32).collect();
            actions.extend(given);
            written.step(&mut *lanes, Actions::Discrete(&moves));
            let flags: Vec<u32> = (0..length.lanes).map(|lane| written.flag(lane)).collect();
            ended += flags.iter().filter(|&&flag| flag != 0).count();
            let finals = if finals_too { bytes(&written.finals) } else { Vec::new() };
            let seen = (bytes(&written.observations), finals);
            steps.push((seen, written.rewards.clone(), written.shaped.clone(), flags));
        }
        let play = Play {
            steps: length.steps,
            time: 0,
            moves: Moves::Given(&actions),
            greedy: false,
            wants: Wants {
                final_observations: finals_too,
                ..ALL
            },
        };
        let compare = |taken: Taken<'_>| {
            check_bytes(&world, packing, shape, taken.observations, 0, &first, |_| true);
            for (t, ((seen, finals), rewards, shaped, flags)) in steps.iter().enumerate() {
                let row = t * rows..(t + 1) * rows;
                assert_eq!(
                    &taken.flags[t * length.lanes..(t + 1) * length.lanes],
                    flags,
                    "flags of step {t}"
                );
                assert_eq!(&taken.rewards[row.clone()], rewards, "rewards of step {t}");
                assert_eq!(&taken.shaped[row], shaped, "shaped rewards of step {t}");
                check_bytes(&world, packing, shape, taken.observations, t + 1, seen, |_| true);
                check_bytes(&world, packing, shape, taken.final_observations, t, finals, |lane| {
                    flags[lane] != 0
                });
            }
            let words = shape.state_words;
            for (lane, (got, want)) in taken
                .states
                .chunks_exact(words)
                .zip(lanes.states().chunks_exact(words))
                .enumerate()
            {
                assert_eq!(got, want, "state of lane {lane}");
            }
            let clocks: Vec<u32> = lanes
                .episodes()
                .iter()
                .zip(lanes.episode_steps())
                .flat_map(|(&e, &s)| [e, s])
                .collect();
            assert_eq!(taken.clocks, clocks, "clocks");
        };
        block.play(&play, compare).expect("the device plays");
    }
    Some((length.lanes * length.steps * length.dispatches, ended))
}

/// A million steps with random actions.
pub(crate) fn random(name: &str, environment: &dyn Simulate) {
    let shape = environment.shape().clone();
    let mut draw = Counter::new(Key::of_seed(5), 0, 0, 0);
    let length = Length::MILLION;
    let played = play(environment, length, Packing::Bytes, |_, _| {
        random_actions(&shape, length.lanes, &mut draw)
    });
    if let Some((steps, ended)) = played {
        assert!(ended > 0, "{name}: no episode ended, so no auto-reset was compared");
        golden::say(&format!(
            "{name}: {steps} steps with {ended} auto-resets, equal bit for bit"
        ));
    }
}

/// Some thousand steps with random actions, observations packed this way.
pub(crate) fn few(name: &str, environment: &dyn Simulate, packing: Packing) {
    let shape = environment.shape().clone();
    let mut draw = Counter::new(Key::of_seed(6), 0, 0, 0);
    let length = Length {
        lanes: 130,
        steps: 30,
        dispatches: 8,
    };
    let played = play(environment, length, packing, |_, _| {
        random_actions(&shape, length.lanes, &mut draw)
    });
    if let Some((steps, ended)) = played {
        golden::say(&format!(
            "{name}, {packing:?}: {steps} steps with {ended} auto-resets, equal bit for bit"
        ));
    }
}

/// What a lane of floats sees.
pub(crate) fn observed(lanes: &dyn Lanes, width: usize) -> Vec<f32> {
    let mut seen = vec![0.0; lanes.lanes() * width];
    lanes.observe(ObservationsMut::Floats(&mut seen));
    seen
}
