//! One recorded episode, simulated again: what each imitated seat saw and did. The rewards must come out as recorded, bit for bit.

use starling_components::Fault;
use starling_components::demonstrations::DemonstratedSteps;
use starling_components::schedule::RunSeed;
use starling_components::simulate::{Simulate, StepOutputs};
use starling_components::spaces::{ActionBuffer, ActionSpace, EnvironmentShape, ObservationBuffer};
use starling_record::steps::StepRow;
use starling_simulate::replay::{Recorded, open};

/// The decisions of one episode, by step and then seat.
pub(super) struct Rows {
    pub(super) observations: ObservationBuffer,
    pub(super) actions: ActionBuffer,
    pub(super) legal: Vec<u8>,
    pub(super) count: usize,
}

/// Plays `steps`, and keeps the decisions of `seats`, which all look alike.
///
/// # Errors
/// Steps that do not fit the environment, or that it does not repeat.
pub(super) fn resimulate(
    environment: &dyn Simulate,
    seed: RunSeed,
    recorded: &Recorded,
    steps: &[StepRow],
    seats: &[usize],
) -> Result<Rows, Fault> {
    let shape = environment.shape();
    let empty = DemonstratedSteps::empty(&shape.seats[seats[0]]);
    let mut rows = Rows {
        observations: empty.observations,
        actions: empty.actions,
        legal: Vec::new(),
        count: 0,
    };
    let mut block = open(environment, seed, recorded);
    let (count, width) = (shape.seats.len(), shape.observation_width());
    let mut observations = ObservationBuffer::zeros(shape, count * width);
    let (mut legal, mut active) = (vec![1; count * shape.moves()], vec![1; count]);
    block.observe(observations.slice_mut(0..count * width));
    if shape.masks {
        block.legal(&mut legal);
    }
    if shape.turns {
        block.active(&mut active);
    }
    for (number, step) in steps.iter().enumerate() {
        let actions = actions_of(shape, step).map_err(|why| Fault::records(format!("step {number} {why}")))?;
        for &seat in seats.iter().filter(|&&seat| active[seat] != 0) {
            rows.keep(shape, seat, &observations, &actions, &legal);
        }
        let (mut rewards, mut shaped) = (vec![0.0; count], vec![0.0; count]);
        let (mut terminated, mut truncated) = ([0], [0]);
        let mut outputs = StepOutputs {
            observations: observations.slice_mut(0..count * width),
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: &mut terminated,
            truncated: &mut truncated,
            legal: shape.masks.then_some(&mut *legal),
            active: shape.turns.then_some(&mut *active),
            final_observations: None,
            events: None,
        };
        block.step(actions.slice(0..actions.len()), &mut outputs)?;
        let ended = terminated[0] | truncated[0] != 0;
        let same = rewards
            .iter()
            .zip(&step.rewards)
            .all(|(a, b)| a.to_bits() == b.to_bits());
        if !same || ended != step.ended {
            let end = |ended: bool| if ended { " and the end" } else { "" };
            let message = format!(
                "step {number} simulated again gives rewards {rewards:?}{}, recorded are {:?}{}",
                end(ended),
                step.rewards,
                end(step.ended),
            );
            return Err(Fault::records(message)
                .advise("the environment must have the rules and settings of the one that was recorded"));
        }
    }
    Ok(rows)
}

/// The actions of a step, `[seats, components]`, if the environment can take them.
fn actions_of(shape: &EnvironmentShape, step: &StepRow) -> Result<ActionBuffer, String> {
    let (seats, components) = (shape.seats.len(), shape.action_components());
    if step.actions.len() != seats * components || step.rewards.len() != seats {
        return Err(format!(
            "has {} actions and {} rewards, this environment {} and {seats}",
            step.actions.len(),
            step.rewards.len(),
            seats * components
        ));
    }
    for (seat, actions) in shape.seats.iter().zip(step.actions.chunks_exact(components.max(1))) {
        let fits = match &seat.action {
            ActionSpace::Discrete { names } => usize::try_from(actions[0]).is_ok_and(|action| action < names.len()),
            ActionSpace::MultiDiscrete { counts } => {
                let mut pairs = actions.iter().zip(counts);
                pairs.all(|(&action, &count)| usize::try_from(action).is_ok_and(|action| action < count))
            }
            ActionSpace::Box { .. } => actions.iter().all(|&bits| f32::from_bits(bits as u32).is_finite()),
            ActionSpace::Text { .. } => false,
        };
        if !fits {
            return Err(format!(
                "has the actions {actions:?}, which this environment does not know"
            ));
        }
    }
    Ok(if shape.float_actions() {
        ActionBuffer::Continuous(step.actions.iter().map(|&bits| f32::from_bits(bits as u32)).collect())
    } else {
        ActionBuffer::Discrete(step.actions.clone())
    })
}

impl Rows {
    /// One seat's decision; its own part of rows that have room for the largest seat.
    fn keep(
        &mut self,
        shape: &EnvironmentShape,
        seat: usize,
        observations: &ObservationBuffer,
        actions: &ActionBuffer,
        legal: &[u8],
    ) {
        let own = &shape.seats[seat];
        let seen = seat * shape.observation_width()..seat * shape.observation_width() + own.observation.len();
        match (&mut self.observations, observations) {
            (ObservationBuffer::Bytes(kept), ObservationBuffer::Bytes(all)) => kept.extend_from_slice(&all[seen]),
            (ObservationBuffer::Floats(kept), ObservationBuffer::Floats(all)) => kept.extend_from_slice(&all[seen]),
            _ => {}
        }
        let done = seat * shape.action_components()..seat * shape.action_components() + own.action.components();
        match (&mut self.actions, actions) {
            (ActionBuffer::Discrete(kept), ActionBuffer::Discrete(all)) => kept.extend_from_slice(&all[done]),
            (ActionBuffer::Continuous(kept), ActionBuffer::Continuous(all)) => kept.extend_from_slice(&all[done]),
            _ => {}
        }
        if shape.masks {
            let allowed = seat * shape.moves()..seat * shape.moves() + own.action.moves();
            self.legal.extend_from_slice(&legal[allowed]);
        }
        self.count += 1;
    }
}
