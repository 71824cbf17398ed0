//! Acting: rows in, actions, log-probabilities and values out. Rows go through the kernels in blocks; a row's bits do not depend on its
//! neighbours, so that any split of a batch gives the same bits. Nothing is allocated in the steady state.

use super::graph::GraphRow;
use super::pass::Pass;
use super::{Head, Network};
use crate::distribution::{action_values, categorical, gaussian};
use crate::real::wide;
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::program::Program;
use starling_components::random::{Key, unit_f32};
use starling_components::spaces::{ActionsMut, Observations};
use std::cell::RefCell;

/// Rows that go through the layers together: few enough that their numbers stay in a near cache.
const BLOCK: usize = 64;

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    pass: Pass,
    log_probs: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Network {
    /// Computes the outputs of the gathered rows, to act on.
    fn evaluate(&self, parameters: &[f32], pass: &mut Pass) -> Result<(), Fault> {
        if let Some(plan) = &self.plan {
            plan.forward(parameters, pass);
            return Ok(());
        }
        // The graph's products may round a row differently among others, so every row is alone.
        pass.outs.resize_with(2, Vec::new);
        pass.outs.iter_mut().for_each(Vec::clear);
        (pass.policy, pass.value) = (0, 1);
        let numbers = self.carry();
        for (row, input) in pass.input.dense.chunks_exact(self.inputs()).enumerate() {
            let memory = &mut pass.memory.carry[row * numbers..][..numbers];
            let GraphRow { policy, value, carry } = self.graph_row(parameters, input, memory)?;
            memory.copy_from_slice(&carry);
            pass.outs[0].extend_from_slice(&policy);
            pass.outs[1].push(value);
        }
        Ok(())
    }

    /// As [`Network::each_row`] for action-values: calls `f` with (row, legal moves, values of the moves, best legal move and its value).
    fn each_choice(
        &self,
        parameters: &[f32],
        input: &ActInput<'_>,
        carry: &mut [f32],
        moves: usize,
        mut f: impl FnMut(usize, Option<&[u8]>, (usize, f32)),
    ) -> Result<(), Fault> {
        let rows = input.ids.len();
        let mask_width = input.legal.map_or(0, |mask| mask.len().checked_div(rows).unwrap_or(0));
        self.each_row(parameters, input, carry, |row, values, _, _| {
            let legal = input.legal.map(|mask| &mask[row * mask_width..][..moves]);
            f(row, legal, action_values::best(values, legal));
        })
    }

    /// Calls `f` for every row with (row, policy output and scratch for log-probabilities, value), after checking lengths. Memories after the
    /// step go to `carry`, `[rows, ...]`, unless that is empty.
    fn each_row(
        &self,
        parameters: &[f32],
        input: &ActInput<'_>,
        carry: &mut [f32],
        mut f: impl FnMut(usize, &[f32], &mut Vec<f32>, f32),
    ) -> Result<(), Fault> {
        let rows = input.ids.len();
        let numbers = match input.observations {
            Observations::Bytes(bytes) => bytes.len(),
            Observations::Floats(floats) => floats.len(),
        };
        let width = numbers.checked_div(rows).unwrap_or(0);
        if rows == 0 {
            return Ok(());
        }
        if parameters.len() != self.layout.len() || width < self.inputs() || width * rows != numbers {
            return Err(Fault::run(format!(
                "{rows} rows of {numbers} numbers and {} parameters do not fit a network of {} inputs and {} parameters",
                parameters.len(),
                self.inputs(),
                self.layout.len()
            )));
        }
        let numbers = self.carry();
        let (stride_in, stride_out) = (input.carry.len() / rows, carry.len() / rows);
        if numbers > 0 && (stride_in < numbers || (stride_out < numbers && !carry.is_empty())) {
            return Err(Fault::run(format!(
                "a network that remembers {numbers} numbers got memories of {stride_in} and room for {stride_out}"
            )));
        }
        // Taken out while in use: a layer that runs on a thread pool may let this thread begin another batch meanwhile, which then works in
        // fresh buffers.
        let mut scratch = SCRATCH.take();
        let Scratch { pass, log_probs } = &mut scratch;
        let result = (0..rows).step_by(BLOCK).try_for_each(|first| {
            let block = first..(first + BLOCK).min(rows);
            self.gather(pass, block.clone().map(|row| (input.observations, row * width)));
            if numbers > 0 {
                for (place, row) in pass.memory.carry.chunks_exact_mut(numbers).zip(block.clone()) {
                    place.copy_from_slice(&input.carry[row * stride_in..][..numbers]);
                }
            }
            self.evaluate(parameters, pass)?;
            if numbers > 0 && !carry.is_empty() {
                for (after, row) in pass.memory.carry.chunks_exact(numbers).zip(block.clone()) {
                    carry[row * stride_out..][..numbers].copy_from_slice(after);
                }
            }
            let (policies, values) = (&pass.outs[pass.policy], &pass.outs[pass.value]);
            if !policies.iter().chain(values).all(|x| x.is_finite()) {
                return Err(Fault::run("the network's output is not a finite number")
                    .advise("the parameters have grown out of range: a smaller learning rate helps"));
            }
            wide(
                #[inline(always)]
                || {
                    let policies = policies.chunks_exact(self.head.outputs());
                    for ((row, policy), &value) in block.zip(policies).zip(values) {
                        f(row, policy, log_probs, value);
                    }
                },
            );
            Ok(())
        });
        SCRATCH.set(scratch);
        result
    }
}

impl Network {
    /// Logits or means `[rows, outputs]` and values `[rows]` as acting computes them, for people who look.
    ///
    /// # Errors
    /// As [`Act::act`].
    pub fn evaluate_rows(&self, parameters: &[f32], input: &ActInput<'_>) -> Result<(Vec<f32>, Vec<f32>), Fault> {
        let (mut policies, mut values) = (Vec::new(), Vec::new());
        self.each_row(parameters, input, &mut [], |_, policy, _, value| {
            policies.extend_from_slice(policy);
            values.push(value);
        })?;
        Ok((policies, values))
    }

    /// Memories after one step, `[rows, carry]`, of those before it in `input`.
    ///
    /// # Errors
    /// As [`Act::act`].
    pub fn remember(&self, parameters: &[f32], input: &ActInput<'_>, carry: &mut [f32]) -> Result<(), Fault> {
        self.each_row(parameters, input, carry, |_, _, _, _| {})
    }
}

/// A standard normal for component `component` of (id, time).
#[inline(always)]
fn normal(key: Key, component: usize) -> f32 {
    gaussian::normals(key.block((component / 2) as u32, 0))[component % 2]
}

impl Act for Network {
    fn carry_len(&self) -> usize {
        self.carry()
    }

    fn act(&self, parameters: &[f32], input: &ActInput<'_>, output: &mut ActOutput<'_>) -> Result<(), Fault> {
        let ActOutput {
            actions,
            log_probs: log_probs_out,
            values,
            carry,
        } = output;
        let rows = input.ids.len();
        if log_probs_out.len() < rows || values.len() < rows {
            return Err(Fault::run("the outputs of a policy are shorter than its inputs"));
        }
        match (&self.head, actions) {
            (&Head::Categorical { moves }, ActionsMut::Discrete(actions)) => {
                let stride = actions.len().checked_div(rows).unwrap_or(0);
                let mask_width = input.legal.map_or(0, |mask| mask.len().checked_div(rows).unwrap_or(0));
                self.each_row(parameters, input, carry, |row, logits, log_probs, value| {
                    let legal = input.legal.map(|mask| &mask[row * mask_width..][..moves]);
                    log_probs.resize(moves, 0.0);
                    categorical::log_probs(logits, legal, log_probs);
                    let words = input.key.block(input.ids[row], input.time);
                    let explored = action_values::explore(input.explore, words, legal, moves);
                    let action = explored.unwrap_or_else(|| match input.greedy {
                        true => categorical::mode(log_probs),
                        false => categorical::sample(log_probs, unit_f32(words[0])),
                    });
                    actions[row * stride] = action as i32;
                    log_probs_out[row] = action_values::mixed(input.explore, log_probs[action], legal, moves);
                    values[row] = value;
                })
            }
            (&Head::ActionValues { moves }, ActionsMut::Discrete(actions)) => {
                let stride = actions.len().checked_div(rows).unwrap_or(0);
                self.each_choice(parameters, input, carry, moves, |row, legal, (best, value)| {
                    let words = input.key.block(input.ids[row], input.time);
                    let action = action_values::explore(input.explore, words, legal, moves).unwrap_or(best);
                    let own = if action == best { 0.0 } else { f32::NEG_INFINITY };
                    actions[row * stride] = action as i32;
                    log_probs_out[row] = action_values::mixed(input.explore, own, legal, moves);
                    values[row] = value;
                })
            }
            (Head::Gaussian { components, log_std }, ActionsMut::Continuous(actions)) => {
                let stride = actions.len().checked_div(rows).unwrap_or(0);
                let log_std = &parameters[log_std.clone()];
                self.each_row(parameters, input, carry, |row, means, _, value| {
                    let action = &mut actions[row * stride..][..*components];
                    action.copy_from_slice(means);
                    if !input.greedy {
                        let key = input.key.fold(input.ids[row], input.time);
                        for (i, (a, &s)) in action.iter_mut().zip(log_std).enumerate() {
                            *a += starling_components::maths::exp(s) * normal(key, i);
                        }
                    }
                    log_probs_out[row] = gaussian::log_prob(means, log_std, action);
                    values[row] = value;
                })
            }
            _ => Err(Fault::run(
                "a policy was asked for actions of another kind than its seat's",
            )),
        }
    }

    fn values(&self, parameters: &[f32], input: &ActInput<'_>, values: &mut [f32]) -> Result<(), Fault> {
        if let Head::ActionValues { moves } = self.head {
            return self.each_choice(parameters, input, &mut [], moves, |row, _, (_, best)| {
                values[row] = best
            });
        }
        self.each_row(parameters, input, &mut [], |row, _, _, value| values[row] = value)
    }

    fn program(&self) -> Option<Program> {
        self.operations()
    }

    fn probabilities(&self, parameters: &[f32], input: &ActInput<'_>) -> Result<Option<Vec<f32>>, Fault> {
        let Head::Categorical { moves } = self.head else {
            return Ok(None);
        };
        let rows = input.ids.len();
        let mask_width = input.legal.map_or(0, |mask| mask.len().checked_div(rows).unwrap_or(0));
        let mut all = vec![0.0; rows * moves];
        self.each_row(parameters, input, &mut [], |row, logits, log_probs, _| {
            let legal = input.legal.map(|mask| &mask[row * mask_width..][..moves]);
            log_probs.resize(moves, 0.0);
            categorical::log_probs(logits, legal, log_probs);
            categorical::probabilities(log_probs, &mut all[row * moves..][..moves]);
        })?;
        Ok(Some(all))
    }
}
