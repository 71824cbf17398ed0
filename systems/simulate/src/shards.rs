//! Large batches of rows are split into fixed shards over rayon; policies promise that a row's bits do not depend on its neighbours.

use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::spaces::{ActionsMut, Observations};

/// Rows that one thread gives to a policy at once where there are many. Blocks of at most this many rows are never split.
const SHARD_ROWS: usize = 256;

/// A policy acts for all rows of `input`: in halves while there are more than [`SHARD_ROWS`].
pub(crate) fn act_in_shards(
    policy: &dyn Act,
    parameters: &[f32],
    input: ActInput<'_>,
    mut output: ActOutput<'_>,
) -> Result<(), Fault> {
    let rows = input.ids.len();
    if rows <= SHARD_ROWS || rayon::current_num_threads() == 1 {
        if rows == 0 {
            return Ok(());
        }
        return policy.act(parameters, &input, &mut output);
    }
    let at = rows.div_ceil(SHARD_ROWS).div_ceil(2) * SHARD_ROWS;
    let (input_1, input_2) = split_input(input, at);
    let (log_probs_1, log_probs_2) = output.log_probs.split_at_mut(at);
    let (values_1, values_2) = output.values.split_at_mut(at);
    let (carry_1, carry_2) = output.carry.split_at_mut(output.carry.len() / rows * at);
    let (actions_1, actions_2) = match output.actions {
        ActionsMut::Discrete(a) => {
            let (one, two) = a.split_at_mut(a.len() / rows * at);
            (ActionsMut::Discrete(one), ActionsMut::Discrete(two))
        }
        ActionsMut::Continuous(a) => {
            let (one, two) = a.split_at_mut(a.len() / rows * at);
            (ActionsMut::Continuous(one), ActionsMut::Continuous(two))
        }
    };
    let output_1 = ActOutput {
        actions: actions_1,
        log_probs: log_probs_1,
        values: values_1,
        carry: carry_1,
    };
    let output_2 = ActOutput {
        actions: actions_2,
        log_probs: log_probs_2,
        values: values_2,
        carry: carry_2,
    };
    let (one, two) = rayon::join(
        || act_in_shards(policy, parameters, input_1, output_1),
        || act_in_shards(policy, parameters, input_2, output_2),
    );
    one.and(two)
}

/// As [`act_in_shards`], for value estimates.
pub(crate) fn values_in_shards(
    policy: &dyn Act,
    parameters: &[f32],
    input: ActInput<'_>,
    values: &mut [f32],
) -> Result<(), Fault> {
    let rows = input.ids.len();
    if rows <= SHARD_ROWS || rayon::current_num_threads() == 1 {
        return policy.values(parameters, &input, values);
    }
    let at = rows.div_ceil(SHARD_ROWS).div_ceil(2) * SHARD_ROWS;
    let (input_1, input_2) = split_input(input, at);
    let (values_1, values_2) = values.split_at_mut(at);
    let (one, two) = rayon::join(
        || values_in_shards(policy, parameters, input_1, values_1),
        || values_in_shards(policy, parameters, input_2, values_2),
    );
    one.and(two)
}

fn split_input(input: ActInput<'_>, at: usize) -> (ActInput<'_>, ActInput<'_>) {
    let rows = input.ids.len();
    let cut = |len: usize| len / rows * at;
    let (observations_1, observations_2) = match input.observations {
        Observations::Bytes(all) => {
            let (one, two) = all.split_at(cut(all.len()));
            (Observations::Bytes(one), Observations::Bytes(two))
        }
        Observations::Floats(all) => {
            let (one, two) = all.split_at(cut(all.len()));
            (Observations::Floats(one), Observations::Floats(two))
        }
    };
    let (legal_1, legal_2) = input.legal.map(|legal| legal.split_at(cut(legal.len()))).unzip();
    let (carry_1, carry_2) = input.carry.split_at(cut(input.carry.len()));
    let (ids_1, ids_2) = input.ids.split_at(at);
    let one = ActInput {
        observations: observations_1,
        legal: legal_1,
        carry: carry_1,
        ids: ids_1,
        ..input
    };
    let two = ActInput {
        observations: observations_2,
        legal: legal_2,
        carry: carry_2,
        ids: ids_2,
        ..input
    };
    (one, two)
}
