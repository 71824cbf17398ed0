//! The names in a file of JaxMARL's `save_params`: the path of a parameter through the flax modules, joined by commas.
//!
//! A module without a name of its own is called after its class and its place among the modules of that class in the same parent, in the
//! order in which the parent makes them. The IPPO baselines make them in this order, in which this module counts too:
//!
//! * The trunk. One that begins with convolutions is a module of its own, `CNN_0`, together with the dense layers that follow; a layer
//!   normalisation behind it belongs to the network itself again. A trunk without convolutions belongs to the network.
//! * A gated recurrent unit is `GRUCell_0` in a module `ScannedRNN_0`, and has a dense layer per gate: `ir`, `iz`, `in` for the inputs, `hr`, `hz`,
//!   `hn` for the memory, of which only `hn` has a bias. Here each of these three are one tensor.
//! * The policy head, its output layer last; then, for continuous actions, `log_std`, which is named and not counted.
//! * The value head, its output layer last.
//!
//! So a network of convolutions, one dense layer, and a hidden layer in each head has `CNN_0,Conv_0`, ..., `CNN_0,Dense_0`, and `Dense_0` and
//! `Dense_1` for the policy, `Dense_2` and `Dense_3` for the value.

use starling_components::fault::Fault;
use starling_components::parameters::{Layout, LayoutEntry};
use starling_components::persist::SavedTensor;
use std::collections::BTreeMap;

/// The module of the convolutions.
const CNN: &str = "CNN_0,";

/// The names of every tensor of the layout, in its order: several where the file has it in parts. `tensors` only says whether the file has the collection `params` in front, as what
/// `init` returns has.
pub(super) fn names(layout: &Layout, tensors: &BTreeMap<String, SavedTensor>) -> Result<Vec<Vec<String>>, Fault> {
    let collection = tensors.is_empty() || tensors.keys().any(|name| name.starts_with("params,"));
    let prefix = if collection { "params," } else { "" };
    let mut modules = Modules::default();
    let mut names = Vec::new();
    let layers: Vec<&[LayoutEntry]> = layout.entries.chunk_by(|a, b| layer(a) == layer(b)).collect();
    for tensors in layers {
        let module = modules.next(tensors)?;
        for entry in tensors {
            let comma = if module.is_empty() { "" } else { "," };
            let parts = parts(tensor(entry));
            names.push(
                parts
                    .into_iter()
                    .map(|part| format!("{prefix}{module}{comma}{part}"))
                    .collect(),
            );
        }
    }
    Ok(names)
}

/// `trunk.0` of `trunk.0.kernel`.
fn layer(entry: &LayoutEntry) -> &str {
    entry.name.rsplit_once('.').map_or("", |(layer, _)| layer)
}

/// `kernel` of `trunk.0.kernel`.
fn tensor(entry: &LayoutEntry) -> &str {
    entry
        .name
        .rsplit_once('.')
        .map_or(entry.name.as_str(), |(_, tensor)| tensor)
}

/// What a tensor is called within its module. The gates of a recurrent layer come in the order in which they lie here.
fn parts(tensor: &str) -> Vec<&str> {
    match tensor {
        "input" => vec!["in,kernel", "ir,kernel", "iz,kernel"],
        "input_bias" => vec!["in,bias", "ir,bias", "iz,bias"],
        "recurrent" => vec!["hr,kernel", "hz,kernel", "hn,kernel"],
        "recurrent_bias" => vec!["hn,bias"],
        other => vec![other],
    }
}

/// How many modules of each class there are so far.
#[derive(Default)]
struct Modules {
    /// In the trunk, behind a convolution and before whatever ends the module.
    inside: bool,
    counts: BTreeMap<String, usize>,
}

impl Modules {
    /// The path of the module that has these tensors of one layer.
    fn next(&mut self, tensors: &[LayoutEntry]) -> Result<String, Fault> {
        let shapes: Vec<(&str, usize)> = tensors.iter().map(|t| (tensor(t), t.shape.len())).collect();
        let trunk = tensors.iter().all(|entry| entry.name.starts_with("trunk."));
        let class = match shapes[..] {
            [("kernel", 4), ("bias", 1)] => "Conv",
            [("kernel", 2), ("bias", 1)] => "Dense",
            [("scale", 1), ("bias", 1)] => "LayerNorm",
            [("input", 2), ("input_bias", 1), ("recurrent", 2), ("recurrent_bias", 1)] => "ScannedRNN",
            [("log_std", 1)] => return Ok(String::new()),
            _ => return Err(no_counterpart(tensors)),
        };
        let belongs = class == "Conv" || (class == "Dense" && self.inside);
        self.inside = trunk && belongs;
        let parent = if self.inside { CNN } else { "" };
        let path = format!("{parent}{class}");
        let count = self.counts.entry(path.clone()).or_default();
        let cell = if class == "ScannedRNN" { ",GRUCell_0" } else { "" };
        let module = format!("{path}_{count}{cell}");
        *count += 1;
        Ok(module)
    }
}

fn no_counterpart(tensors: &[LayoutEntry]) -> Fault {
    let names: Vec<_> = tensors.iter().map(|entry| format!("`{}`", entry.name)).collect();
    Fault::pipeline(format!(
        "`names = \"jaxmarl\"` knows no layer of JaxMARL's networks with the tensors {}",
        names.join(", ")
    ))
    .advise(
        "it knows dense, conv, layer_norm and gru; say the names in a table: names = { \"trunk.0.kernel\" = \"...\" }",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{moves, network, seat, vector};
    use starling_components::spaces::{ActionSpace, ElementKind};

    /// The names of the kernels, scales and `log_std`, of a network that sees a 4 x 5 grid.
    fn check(policy: &str, action: ActionSpace, expected: &[&str]) {
        let network = network(policy, &seat(&[4, 5, 3], ElementKind::U8, action));
        let names = names(&network.layout, &BTreeMap::new()).unwrap();
        let told: Vec<&str> = names
            .iter()
            .flatten()
            .filter(|name| !name.ends_with(",bias"))
            .map(String::as_str)
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn heads_without_a_trunk_are_numbered_through() {
        check(
            r#"{"heads": {"actor": [{"dense": 8}], "critic": [{"dense": 8}]}}"#,
            moves(6),
            &[
                "params,Dense_0,kernel",
                "params,Dense_1,kernel",
                "params,Dense_2,kernel",
                "params,Dense_3,kernel",
            ],
        );
    }

    #[test]
    fn convolutions_and_the_dense_layer_behind_them_are_a_module() {
        check(
            r#"{"layers": [{"conv": [4, 1]}, {"conv": [2, 3]}, "flatten", {"dense": 8}, "layer_norm"],
                "heads": {"actor": [{"ignored_dense": 8}], "critic": [{"dense": 8}]}}"#,
            moves(6),
            &[
                "params,CNN_0,Conv_0,kernel",
                "params,CNN_0,Conv_1,kernel",
                "params,CNN_0,Dense_0,kernel",
                "params,LayerNorm_0,scale",
                "params,Dense_0,kernel",
                "params,Dense_1,kernel",
                "params,Dense_2,kernel",
                "params,Dense_3,kernel",
            ],
        );
    }

    #[test]
    fn a_recurrent_unit_is_a_module_with_a_dense_layer_per_gate() {
        check(
            r#"{"layers": [{"conv": [4, 1]}, "flatten", {"dense": 8}, "layer_norm", {"gru": 8}]}"#,
            moves(6),
            &[
                "params,CNN_0,Conv_0,kernel",
                "params,CNN_0,Dense_0,kernel",
                "params,LayerNorm_0,scale",
                "params,ScannedRNN_0,GRUCell_0,in,kernel",
                "params,ScannedRNN_0,GRUCell_0,ir,kernel",
                "params,ScannedRNN_0,GRUCell_0,iz,kernel",
                "params,ScannedRNN_0,GRUCell_0,hr,kernel",
                "params,ScannedRNN_0,GRUCell_0,hz,kernel",
                "params,ScannedRNN_0,GRUCell_0,hn,kernel",
                "params,Dense_0,kernel",
                "params,Dense_1,kernel",
            ],
        );
    }

    #[test]
    fn a_trunk_without_convolutions_comes_first_and_a_spread_has_its_own_name() {
        check(
            r#"{"layers": ["flatten", {"dense": 8}, "tanh"], "heads": {"critic": [{"dense": 8}]}}"#,
            vector(2),
            &[
                "params,Dense_0,kernel",
                "params,Dense_1,kernel",
                "params,log_std",
                "params,Dense_2,kernel",
                "params,Dense_3,kernel",
            ],
        );
    }

    #[test]
    fn a_layer_that_jaxmarl_does_not_have_is_refused() {
        let mut layout = Layout::default();
        layout.push("trunk.0.factor", vec![7]);
        let fault = names(&layout, &BTreeMap::new()).unwrap_err();
        assert!(fault.message.contains("`trunk.0.factor`"), "{fault}");
    }
}
