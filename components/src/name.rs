//! The name of an entity as the pipeline file writes it, e.g. `kitchen` in `[environment.kitchen]`.
//!
//! Names, not ECS ids, key randomness and checkpoints: ids depend on spawn order, names do not.

use bevy_ecs::prelude::*;

/// A table's name in the pipeline file: its kind (`environment`) and its key (`kitchen`).
#[derive(Component, Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityName {
    /// The kind of table: `environment`, `agent`, `evaluate`, ...
    pub table: String,
    /// The key under it, unique within its table.
    pub key: String,
}

impl EntityName {
    /// `[table.key]`.
    pub fn new(table: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            key: key.into(),
        }
    }

    /// A hash that is the same on every machine and in every release (FNV-1a, 64 bits, over `table.key`).
    ///
    /// It enters the random keys, so changing it would change every run.
    pub fn stable_hash(&self) -> u64 {
        let bytes = self.table.bytes().chain([b'.']).chain(self.key.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }
}

impl std::fmt::Display for EntityName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.key)
    }
}
