//! Random damage: whatever the bytes of a commit or a checkpoint are, the answer is an error value.
//!
//! `PROPTEST_CASES=100000 cargo test --release -p starling-record mutations` looks longer.

use super::*;
use crate::checkpoint;
use crate::commit::Commit;
use proptest::prelude::*;
use std::fs;
use std::sync::OnceLock;

/// Text of a real commit and bytes of a real checkpoint.
fn real_files() -> &'static (Vec<u8>, Vec<u8>) {
    static FILES: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    FILES.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        run_new(dir.path(), Options::default(), Some(7)).unwrap();
        let commit = fs::read(dir.path().join("commits/000002.json")).unwrap();
        (
            commit,
            fs::read(dir.path().join("checkpoints/000002.safetensors")).unwrap(),
        )
    })
}

/// Overwrites, cuts and doubles pieces.
fn mutated(mut bytes: Vec<u8>, edits: &[(u16, u8, u8)]) -> Vec<u8> {
    for (place, what, value) in edits {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(*place) % bytes.len();
        match what % 4 {
            0 => bytes[at] = *value,
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..(at + usize::from(*value)).min(bytes.len()))),
            _ => bytes.insert(at, *value),
        }
    }
    bytes
}

fn edits() -> impl Strategy<Value = Vec<(u16, u8, u8)>> {
    prop::collection::vec(any::<(u16, u8, u8)>(), 1..4)
}

proptest! {
    #[test]
    fn random_bytes_are_no_commit(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Commit::parse(&bytes).is_err());
    }

    #[test]
    fn random_bytes_are_no_checkpoint(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(checkpoint::decode(&bytes).is_err());
    }

    #[test]
    fn a_changed_commit_is_noticed(edits in edits()) {
        let original = &real_files().0;
        let changed = mutated(original.clone(), &edits);
        if let Ok(commit) = Commit::parse(&changed) {
            // Line ends after the last brace carry no meaning.
            prop_assert_eq!(commit, Commit::parse(original).unwrap());
        }
    }

    /// The commit's hash notices every change of a checkpoint; this is about what lies behind it.
    #[test]
    fn a_changed_checkpoint_never_panics(edits in edits()) {
        if let Ok((_, snapshot)) = checkpoint::decode(&mutated(real_files().1.clone(), &edits)) {
            let mut world = app(Options::default());
            let _ = starling_components::persist::restore_world(world.world_mut(), &snapshot);
        }
    }

    /// A header that promises anything, in front of real data.
    #[test]
    fn a_made_up_checkpoint_header_never_panics(
        name in "[a-z./]{1,30}",
        kind in prop::sample::select(vec!["F32", "U32", "U64", "BOOL", "F4", "I64"]),
        shape in prop::collection::vec(any::<u64>(), 0..4),
        offsets in any::<[u64; 2]>(),
        data in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let header = format!(
            r#"{{"__metadata__":{{"starling":"{{\"format\":1,\"pipeline_sha256\":\"\",\"tick\":0}}"}},"{name}":{{"dtype":"{kind}","shape":{shape:?},"data_offsets":{offsets:?}}}}}"#
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend(data);
        let _ = checkpoint::decode(&bytes);
    }
}
