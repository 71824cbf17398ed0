//! Sources that do not fit: one fault that lists everything.

use super::{Policy, policies};
use proptest::prelude::*;
use starling_components::imports::ImportedReplica;
use starling_components::persist::{SavedTensor, TensorData};
use starling_components::specs::{KnownNames, NamesSpec};
use starling_record::imports;
use std::collections::BTreeMap;

const JAXMARL: NamesSpec = NamesSpec::Known(KnownNames::Jaxmarl);

/// The policy whose file has this name.
fn policy(name: &str) -> Policy {
    let named = |policy: &Policy| policy.path.file_stem().is_some_and(|stem| stem == name);
    policies()
        .into_iter()
        .find(named)
        .unwrap_or_else(|| panic!("no policy `{name}`"))
}

/// `change`s the tensors of `tiny_cnn` and expects a fault that says all of `parts`, in this order, and the advice.
fn check(names: &NamesSpec, change: impl Fn(&mut ImportedReplica), parts: &[&str], advice: &str) {
    let mut policy = policy("tiny_cnn");
    change(&mut policy.source);
    let fault = policy.network.adopt(names, &policy.source).expect_err("a fault");
    let mut rest = fault.message.as_str();
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("no `{part}` in `{fault}`"));
        rest = &rest[at + part.len()..];
    }
    let told = fault.advice.unwrap_or_default();
    assert!(told.contains(advice), "{told}");
}

fn ones(shape: &[usize]) -> SavedTensor {
    SavedTensor {
        shape: shape.to_vec(),
        data: TensorData::F32(vec![1.0; shape.iter().product()]),
    }
}

#[test]
fn jaxmarl_file_lists_everything_that_is_wrong() {
    check(
        &JAXMARL,
        |source| {
            source.tensors.remove("params,CNN_0,Conv_1,bias");
            source.tensors.remove("params,Dense_3,kernel");
            source.tensors.insert("params,CNN_0,Dense_0,bias".into(), ones(&[9]));
            source.tensors.insert("params,Dense_2,kernel".into(), ones(&[3, 8]));
            source.tensors.insert("params,Dense_9,kernel".into(), ones(&[2, 2]));
            let whole = SavedTensor {
                shape: vec![8],
                data: TensorData::U32(vec![1; 8]),
            };
            source.tensors.insert("params,Dense_2,bias".into(), whole);
            let mut broken = ones(&[6]);
            broken.data = TensorData::F32(vec![f32::NAN; 6]);
            source.tensors.insert("params,Dense_1,bias".into(), broken);
        },
        &[
            "tiny_cnn.safetensors",
            "missing: `params,CNN_0,Conv_1,bias` [4] for `trunk.1.bias`, `params,Dense_3,kernel` [8, 1] for `critic.out.kernel`",
            "of another shape: `params,CNN_0,Dense_0,bias` is [9], the network needs [8] for `trunk.3.bias`",
            "`params,Dense_2,kernel` is [3, 8], the network needs [8, 8] for `critic.0.kernel`",
            "not usable: `params,Dense_1,bias` has numbers that are not finite, `params,Dense_2,bias` holds whole numbers",
            "not in the network: `params,Dense_9,kernel` [2, 2]",
        ],
        "the very network that was saved",
    );
}

#[test]
fn jaxmarl_file_with_names_of_another_layout_says_which() {
    let missing = [
        "missing: `trunk.0.kernel` [3, 3, 26, 4], `trunk.0.bias` [4]",
        "not in the network: `params,CNN_0",
    ];
    check(&NamesSpec::default(), |_| {}, &missing, "names = \"jaxmarl\"");
}

#[test]
fn jaxmarl_file_of_a_recurrent_network_needs_its_layer() {
    let change = |source: &mut ImportedReplica| {
        let cell = "params,ScannedRNN_0,GRUCell_0,hn,kernel";
        source.tensors.insert(cell.into(), ones(&[8, 8]));
    };
    let extra = ["not in the network: `params,ScannedRNN_0,GRUCell_0,hn,kernel` [8, 8]"];
    check(&JAXMARL, change, &extra, "which is { gru = units }");
}

#[test]
fn jaxmarl_file_may_leave_the_collection_out() {
    let mut policy = policy("tiny_cnn");
    let expected = policy.parameters().expect("parameters");
    let strip = |(name, tensor): (String, SavedTensor)| Some((name.strip_prefix("params,")?.to_owned(), tensor));
    policy.source.tensors = std::mem::take(&mut policy.source.tensors)
        .into_iter()
        .filter_map(strip)
        .collect();
    assert_eq!(policy.parameters().expect("parameters"), expected);
}

/// The table that says where each tensor of `tiny_mlp` is.
fn table() -> BTreeMap<String, String> {
    let modules = ["actor.0", "actor.1", "actor.out", "critic.0", "critic.1", "critic.out"];
    let pairs = modules.iter().enumerate().flat_map(|(i, layer)| {
        ["kernel", "bias"].map(|name| (format!("{layer}.{name}"), format!("params,Dense_{i},{name}")))
    });
    pairs.collect()
}

#[test]
fn jaxmarl_names_may_be_said_in_a_table() {
    let policy = policy("tiny_mlp");
    let by_table = policy.network.adopt(&NamesSpec::Table(table()), &policy.source);
    assert_eq!(by_table.expect("parameters"), policy.parameters().expect("parameters"));
}

#[test]
fn names_in_a_table_that_are_no_tensors_are_told() {
    let policy = policy("tiny_mlp");
    let mut table = table();
    table.insert("actor.7.kernel".into(), "params,Dense_0,kernel".into());
    let fault = policy
        .network
        .adopt(&NamesSpec::Table(table), &policy.source)
        .expect_err("a fault");
    assert!(
        fault
            .message
            .ends_with("named in the table but not in the network: `actor.7.kernel`"),
        "{fault}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::pipeline_file::cases(), ..ProptestConfig::default() })]

    /// Bytes of a good file are changed, cut and added to: parameters or a fault, never a panic.
    #[test]
    fn jaxmarl_file_changes_never_panic(
        changes in prop::collection::vec((0_usize..9000, any::<u8>()), 0..6),
        header in prop::collection::vec((8_usize..1200, any::<u8>()), 0..4),
        cut in prop::option::of(0_usize..9000),
        more in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        thread_local! {
            static WHOLE: (Policy, Vec<u8>) = {
                let policy = policy("tiny_cnn");
                let bytes = std::fs::read(policy.path.with_extension("safetensors")).expect("a file");
                (policy, bytes)
            };
        }
        WHOLE.with(|(policy, whole)| {
            let mut bytes = whole.clone();
            for (at, byte) in changes.iter().chain(&header) {
                if let Some(place) = bytes.get_mut(*at) {
                    *place = *byte;
                }
            }
            bytes.truncate(cut.unwrap_or(usize::MAX));
            bytes.extend_from_slice(&more);
            if let Ok(tensors) = imports::decode(&bytes) {
                let source = ImportedReplica { origin: "a file".into(), tensors };
                match policy.network.adopt(&JAXMARL, &source) {
                    Ok(parameters) => prop_assert!(parameters.iter().all(|x| x.is_finite())),
                    Err(fault) => prop_assert!(fault.advice.is_some()),
                }
            }
            Ok(())
        })?;
    }
}
