//! `script.random`: acts uniformly over the legal moves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::maths::ln;
use starling_components::random::{Key, below, unit_f32};
use starling_components::registry::{KindSettings, Registry, ScriptSlot};
use starling_components::spaces::{ActionSpace, ActionsMut};
use std::sync::Arc;

/// Acts uniformly over the legal moves, or over the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomSettings {}

impl KindSettings for RandomSettings {
    const NAME: &'static str = "random";
    const EXAMPLE: &'static str = r#"script = "random""#;
}

/// Registers `script.random`.
pub fn register(registry: &mut Registry) {
    registry.kind::<ScriptSlot, RandomSettings>(|_, seat| match seat.action {
        ActionSpace::Text { .. } => Err(Fault::pipeline("a random script has nothing to say in a language game")),
        _ => Ok(Arc::new(Random::new(seat.action.clone()))),
    });
}

/// The uniform policy over one action space. Greedy or not makes no difference: no move is more probable than another.
#[derive(Debug, Clone)]
pub struct Random {
    /// Options of each choice; empty for box actions.
    counts: Vec<usize>,
    low: Vec<f32>,
    high: Vec<f32>,
}

impl Random {
    /// For this action space.
    pub fn new(space: ActionSpace) -> Self {
        let (counts, low, high) = match space {
            ActionSpace::Discrete { names } => (vec![names.len()], Vec::new(), Vec::new()),
            ActionSpace::MultiDiscrete { counts } => (counts, Vec::new(), Vec::new()),
            ActionSpace::Box { low, high } => (Vec::new(), low, high),
            ActionSpace::Text { .. } => (Vec::new(), Vec::new(), Vec::new()),
        };
        Self { counts, low, high }
    }
}

/// The bits of draw `number` of one row at one time. Two words come from one block of a key of their own.
fn word(key: Key, number: u32) -> u32 {
    let [first, second] = key.block(number / 2, 0);
    if number.is_multiple_of(2) { first } else { second }
}

/// A uniform choice among the entries of `legal` that are not 0, or among `count` without a mask; and how many there were.
fn choose(word: u32, count: usize, legal: Option<&[u8]>) -> Option<(usize, usize)> {
    let Some(legal) = legal else {
        return (count > 0).then(|| (below(word, count as u32) as usize, count));
    };
    let options = legal.iter().filter(|&&l| l != 0).count();
    let rank = if options > 0 {
        below(word, options as u32) as usize
    } else {
        0
    };
    let chosen = legal.iter().enumerate().filter(|(_, l)| **l != 0).nth(rank)?.0;
    Some((chosen, options))
}

impl Act for Random {
    fn act(&self, _: &[f32], input: &ActInput<'_>, output: &mut ActOutput<'_>) -> Result<(), Fault> {
        output.values.fill(0.0);
        let moves: usize = self.counts.iter().sum();
        for (row, &id) in input.ids.iter().enumerate() {
            let key = input.key.fold(id, input.time);
            let mut log_prob = 0.0;
            match &mut output.actions {
                ActionsMut::Discrete(actions) => {
                    let legal = input.legal.map(|legal| &legal[row * moves..(row + 1) * moves]);
                    let mut first = 0;
                    for (choice, &count) in self.counts.iter().enumerate() {
                        let mask = legal.map(|legal| &legal[first..first + count]);
                        let Some((chosen, options)) = choose(word(key, choice as u32), count, mask) else {
                            return Err(Fault::run("no move is legal"));
                        };
                        actions[row * self.counts.len() + choice] = chosen as i32;
                        log_prob -= ln(options as f32);
                        first += count;
                    }
                }
                ActionsMut::Continuous(actions) => {
                    for (component, (low, high)) in self.low.iter().zip(&self.high).enumerate() {
                        let unit = unit_f32(word(key, component as u32));
                        actions[row * self.low.len() + component] = low + unit * (high - low);
                        log_prob -= ln(high - low);
                    }
                }
            }
            output.log_probs[row] = log_prob;
        }
        Ok(())
    }

    fn values(&self, _: &[f32], _: &ActInput<'_>, values: &mut [f32]) -> Result<(), Fault> {
        values.fill(0.0);
        Ok(())
    }

    fn probabilities(&self, _: &[f32], input: &ActInput<'_>) -> Result<Option<Vec<f32>>, Fault> {
        if self.counts.is_empty() {
            return Ok(None);
        }
        let mut all = Vec::new();
        let moves: usize = self.counts.iter().sum();
        for row in 0..input.ids.len() {
            let mut first = row * moves;
            for &count in &self.counts {
                let legal = |index: usize| input.legal.is_none_or(|legal| legal[first + index] != 0);
                let options = (0..count).filter(|&index| legal(index)).count().max(1);
                all.extend((0..count).map(|index| f32::from(u8::from(legal(index))) / options as f32));
                first += count;
            }
        }
        Ok(Some(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_components::spaces::Observations;

    fn act(legal: Option<&[u8]>, ids: &[u32], time: u32) -> (Vec<i32>, Vec<f32>) {
        let names = (0..4).map(|n| n.to_string()).collect();
        let policy = Random::new(ActionSpace::Discrete { names });
        let (mut actions, mut log_probs) = (vec![0; ids.len()], vec![0.0; ids.len()]);
        let mut values = vec![1.0; ids.len()];
        let input = ActInput {
            observations: Observations::Bytes(&[]),
            legal,
            carry: &[],
            ids,
            time,
            key: Key::of_seed(1),
            greedy: false,
            explore: 0.0,
        };
        let mut output = ActOutput {
            actions: ActionsMut::Discrete(&mut actions),
            log_probs: &mut log_probs,
            values: &mut values,
            carry: &mut [],
        };
        policy.act(&[], &input, &mut output).expect("a move is legal");
        assert!(values.iter().all(|&v| v == 0.0));
        (actions, log_probs)
    }

    #[test]
    fn every_move_is_as_frequent() {
        let ids: Vec<u32> = (0..40_000).collect();
        let (actions, log_probs) = act(None, &ids, 3);
        for number in 0..4 {
            let share = actions.iter().filter(|&&a| a == number).count() as f64 / 40_000.0;
            assert!((share - 0.25).abs() < 0.01, "move {number}: {share}");
        }
        assert!(
            log_probs
                .iter()
                .all(|&p| (p + 2.0 * std::f32::consts::LN_2).abs() < 1e-6)
        );
        assert_ne!(actions, act(None, &ids, 4).0);
        assert_eq!(actions[100..200], act(None, &ids[100..200], 3).0);
    }

    #[test]
    fn illegal_moves_are_never_taken() {
        let ids: Vec<u32> = (0..1000).collect();
        let legal: Vec<u8> = ids.iter().flat_map(|_| [0, 1, 0, 1]).collect();
        let (actions, log_probs) = act(Some(&legal), &ids, 0);
        assert!(actions.iter().all(|a| [1, 3].contains(a)));
        assert!(actions.contains(&1) && actions.contains(&3));
        assert!(log_probs.iter().all(|&p| (p + std::f32::consts::LN_2).abs() < 1e-6));
    }
}
