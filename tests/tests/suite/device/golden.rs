//! Golden traces through the kernels as through the rules: every recorded transition is taken again on the device from its recorded state,
//! with words for draws that make the recorded values, and compared as the processor's test compares it. One lane is one transition.

mod classic_control;
mod compare;
mod minatar;
mod overcooked_v1;
mod overcooked_v2;
mod tape;
mod transition;

use super::gpu;
use starling_components::random::Key;
use starling_components::simulate::Simulate;
use starling_shaders::{Block, Moves, Packing, Play, Setup, World};

/// What one lane is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    /// Words of the state.
    pub(crate) before: Vec<u32>,
    /// One word per seat: a move, or the bits of a float.
    pub(crate) actions: Vec<u32>,
    /// Words for the draws of the transition, then for those of the start that follows an end.
    pub(crate) draws: Vec<u32>,
}

/// What one lane made of it.
pub(crate) struct Stepped<'a> {
    /// Rows of all seats, as words: before the transition.
    pub(crate) seen_before: &'a [u32],
    /// After it and after auto-reset.
    pub(crate) seen_next: &'a [u32],
    /// Between the two, where an episode ended.
    pub(crate) seen_last: &'a [u32],
    pub(crate) rewards: &'a [f32],
    pub(crate) shaped: &'a [f32],
    /// Bit 0: terminated; bit 1: truncated.
    pub(crate) flag: u32,
    pub(crate) state: &'a [u32],
}

/// Words of one buffer of observations at most, so that any device has room for it.
const MOST_WORDS: usize = 1 << 24;
/// The episode and the steps in it that lanes begin with.
const CLOCK: [u32; 2] = [5, 3];

/// Takes one step of every lane, as many lanes in a dispatch as there is room for, and shows what became of each. False where there is no
/// device.
pub(crate) fn take(environment: &dyn Simulate, given: &[Given], mut show: impl FnMut(usize, &Stepped<'_>)) -> bool {
    let Some(gpu) = gpu() else { return false };
    let (twin, shape) = (
        environment.twin().expect("these rules have a twin"),
        environment.shape(),
    );
    let draws = given.iter().map(|lane| lane.draws.len()).max().unwrap_or(0);
    let world = World::compile_recorded(gpu, shape, &twin, Packing::Bytes, draws)
        .unwrap_or_else(|fault| panic!("{}", fault.message));
    let lanes = (MOST_WORDS / (3 * shape.seats.len() * world.observation_words())).max(1);
    for (number, given) in given.chunks(lanes).enumerate() {
        let setup = Setup {
            keys: vec![vec![Key::of_seed(0); 1 + shape.seats.len()]],
            lanes: given.len(),
            first: 0,
            steps: 1,
            slots: 2,
            final_observations: true,
            outcomes: true,
        };
        let block = world.open(setup).unwrap_or_else(|fault| panic!("{}", fault.message));
        dispatch(block, given, draws, |lane, stepped| {
            show(number * lanes + lane, stepped)
        });
    }
    true
}

fn dispatch(mut block: Block, given: &[Given], draws: usize, mut show: impl FnMut(usize, &Stepped<'_>)) {
    let lanes = given.len();
    let states: Vec<u32> = given.iter().flat_map(|lane| &lane.before).copied().collect();
    let actions: Vec<u32> = given.iter().flat_map(|lane| &lane.actions).copied().collect();
    let (seats, words) = (actions.len() / lanes, states.len() / lanes);
    let row = seats * block.world().observation_words();
    // Zeros where less is drawn.
    let padded = |lane: &Given| {
        (0..draws)
            .map(|number| lane.draws.get(number).copied().unwrap_or(0))
            .collect::<Vec<_>>()
    };
    block.write_lanes(&states, &vec![CLOCK[0]; lanes], &vec![CLOCK[1]; lanes]);
    block
        .write_draws(&given.iter().flat_map(padded).collect::<Vec<_>>())
        .expect("as many words as lanes take");
    let play = Play {
        steps: 1,
        time: 0,
        moves: Moves::Given(&actions),
        greedy: false,
        wants: super::lockstep::ALL,
    };
    let played = block.play(&play, |taken| {
        let own = |lane: usize, size: usize| lane * size..(lane + 1) * size;
        for lane in 0..lanes {
            let flag = taken.flags[lane];
            let clock = if flag == 0 {
                [CLOCK[0], CLOCK[1] + 1]
            } else {
                [CLOCK[0] + 1, 0]
            };
            assert_eq!(taken.clocks[own(lane, 2)], clock, "clock of lane {lane}");
            show(
                lane,
                &Stepped {
                    seen_before: &taken.observations[own(lane, row)],
                    seen_next: &taken.observations[own(lanes + lane, row)],
                    seen_last: &taken.final_observations[own(lane, row)],
                    rewards: &taken.rewards[own(lane, seats)],
                    shaped: &taken.shaped[own(lane, seats)],
                    flag,
                    state: &taken.states[own(lane, words)],
                },
            );
        }
    });
    played.unwrap_or_else(|fault| panic!("{}", fault.message));
}
