//! Checkpoints: everything saved of a world in one safetensors file, bound to its commit by hash, pipeline and tick.
//!
//! Only the newest few are kept unless the pipeline wants all of them; each commit says which. A restored world must save to the very tensors it was
//! restored from: that catches state that was written but never read back.

use crate::commit::{CheckpointRecord, Commit};
use crate::run::Run;
use crate::store::{self, Store, disk};
use bevy_ecs::world::World;
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use starling_components::Fault;
use starling_components::persist::{SavedTensor, Snapshot, TensorData, restore_world, save_world};
use std::borrow::Cow;
use std::collections::HashMap;

/// Version of the metadata and of what tensors mean as a whole; components version their own tensors by name.
const FORMAT: u32 = 1;
pub(crate) const FOLDER: &str = "checkpoints";
/// The one metadata key: a single JSON text, because the order of several keys would be random.
const KEY: &str = "starling";

/// What a checkpoint file says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    format: u32,
    pipeline_sha256: String,
    tick: u64,
}

/// The file of a commit's checkpoint, relative to the run; `token` where the writer is part of the name.
fn file_name(commit: u64, token: Option<&str>) -> String {
    let token = token.map(|token| format!("-{token}")).unwrap_or_default();
    format!("{FOLDER}/{commit:06}{token}.safetensors")
}

/// The checkpoints that are there: numbers of their commits, and files relative to the run.
pub(crate) fn files(store: &dyn Store) -> Vec<(u64, String)> {
    let names = store.list(FOLDER).unwrap_or_default().into_iter();
    let numbered = |name: String| {
        let stem = name.strip_suffix(".safetensors")?;
        let number = stem.split('-').next()?.parse().ok()?;
        Some((number, format!("{FOLDER}/{name}")))
    };
    names.filter_map(numbered).collect()
}

/// Writes the checkpoint of commit `commit`.
pub(crate) fn write(run: &Run, commit: u64, tick: u64, snapshot: &Snapshot) -> Result<CheckpointRecord, Fault> {
    // Where no lock keeps writers apart, they must not write over each other's.
    let file = file_name(commit, run.store().is_remote().then(|| run.token()));
    let metadata = Metadata {
        format: FORMAT,
        pipeline_sha256: run.pipeline_sha256().to_owned(),
        tick,
    };
    let bytes = encode(snapshot, &metadata)?;
    run.store().write(&file, &bytes)?;
    Ok(CheckpointRecord {
        file,
        bytes: bytes.len() as u64,
        sha256: disk::sha256(&bytes),
    })
}

fn encode(snapshot: &Snapshot, metadata: &Metadata) -> Result<Vec<u8>, Fault> {
    let told = |e: String| Fault::storage(format!("failed to write a checkpoint as safetensors: {e}"));
    let metadata = serde_json::to_string(metadata).map_err(|e| told(e.to_string()))?;
    let tensors = snapshot
        .tensors
        .iter()
        .map(|(name, tensor)| (name, TensorBytes(tensor)));
    safetensors::serialize(tensors, Some(HashMap::from([(KEY.to_owned(), metadata)]))).map_err(|e| told(e.to_string()))
}

/// Everything saved of `world` as bytes, for another process of the same run.
///
/// # Errors
/// Tensors that cannot be written.
pub fn pack(world: &mut World) -> Result<Vec<u8>, Fault> {
    let nowhere = Metadata {
        format: FORMAT,
        pipeline_sha256: String::new(),
        tick: 0,
    };
    encode(&save_world(world), &nowhere)
}

/// Puts what [`pack`] gave into a world that was built from the same pipeline, which may keep a part of it.
///
/// # Errors
/// Damaged bytes, or tensors that are not those that this world needs.
pub fn unpack(world: &mut World, bytes: &[u8]) -> Result<(), Fault> {
    let (_, snapshot) = decode(bytes)?;
    restore_world(world, &snapshot)
}

/// A tensor as safetensors wants it: little-endian bytes.
struct TensorBytes<'a>(&'a SavedTensor);

impl View for TensorBytes<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.data {
            TensorData::U8(_) => Dtype::U8,
            TensorData::F32(_) => Dtype::F32,
            TensorData::F64(_) => Dtype::F64,
            TensorData::U32(_) => Dtype::U32,
            TensorData::U64(_) => Dtype::U64,
        }
    }
    fn shape(&self) -> &[usize] {
        &self.0.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match &self.0.data {
            TensorData::U8(v) => v.clone(),
            TensorData::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            TensorData::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            TensorData::U32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            TensorData::U64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        })
    }
    fn data_len(&self) -> usize {
        match &self.0.data {
            TensorData::U8(v) => v.len(),
            TensorData::F32(v) => v.len() * 4,
            TensorData::F64(v) => v.len() * 8,
            TensorData::U32(v) => v.len() * 4,
            TensorData::U64(v) => v.len() * 8,
        }
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<(Metadata, Snapshot), Fault> {
    let damaged = |why: String| Fault::records(format!("is damaged: {why}"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(e.to_string()))?;
    let metadata = header
        .metadata()
        .as_ref()
        .and_then(|m| m.get(KEY))
        .ok_or_else(|| damaged("it says nothing about itself".into()))?;
    let metadata: Metadata = serde_json::from_str(metadata).map_err(|e| damaged(e.to_string()))?;
    if metadata.format > FORMAT {
        let format = metadata.format;
        let message = format!("has format {format}, this program reads up to format {FORMAT}");
        return Err(Fault::records(message).advise("use the program that wrote it, or a newer one"));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| damaged(e.to_string()))?;
    let mut snapshot = Snapshot::default();
    for (name, view) in tensors.iter() {
        let data = numbers_of(view.dtype(), view.data())
            .ok_or_else(|| damaged(format!("tensor `{name}` has elements of type {:?}", view.dtype())))?;
        let shape = view.shape().to_vec();
        snapshot.tensors.insert(name.to_owned(), SavedTensor { shape, data });
    }
    Ok((metadata, snapshot))
}

pub(crate) fn numbers_of(kind: Dtype, bytes: &[u8]) -> Option<TensorData> {
    Some(match kind {
        Dtype::U8 => TensorData::U8(bytes.to_vec()),
        Dtype::F32 => TensorData::F32(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F64 => TensorData::F64(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()),
        Dtype::U32 => TensorData::U32(bytes.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect()),
        Dtype::U64 => TensorData::U64(bytes.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b)).collect()),
        _ => return None,
    })
}

/// Reads the checkpoint of `commit`, checking that it is the one that the commit names.
///
/// # Errors
/// The file is gone, cut, changed, of a newer format, or of another pipeline or tick.
pub fn read(run: &Run, commit: &Commit) -> Result<Snapshot, Fault> {
    let record = &commit.checkpoint;
    let store = run.store();
    let about = |mut fault: Fault| {
        fault.message = format!(
            "the checkpoint of commit {} (`{}`) {}",
            commit.commit,
            store::at(store, &record.file),
            fault.message
        );
        if fault.advice.is_none() {
            let older = files(store).into_iter().map(|(number, _)| number);
            let mut older: Vec<u64> = older.filter(|number| *number < commit.commit).collect();
            older.sort_unstable();
            let older: Vec<String> = older.iter().map(u64::to_string).collect();
            if !older.is_empty() {
                let advice = "commits with an older checkpoint can be chosen with `--commit N`";
                fault.advice = Some(format!("{advice}: {}", older.join(", ")));
            }
        }
        fault
    };
    let bytes = match store.read(&record.file) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(about(Fault::records(
                "is gone; only the newest commits keep theirs unless `[record] checkpoints = \"all\"`",
            )));
        }
        Err(e) => return Err(about(store::unreadable(store, format!("is unreadable: {e}"), &e))),
    };
    if bytes.len() as u64 != record.bytes {
        let message = format!("is damaged: {} bytes instead of {}", bytes.len(), record.bytes);
        return Err(about(Fault::records(message)));
    }
    if disk::sha256(&bytes) != record.sha256 {
        return Err(about(Fault::records(
            "is damaged: its hash is not the one in the commit",
        )));
    }
    let (metadata, snapshot) = decode(&bytes).map_err(about)?;
    if metadata.pipeline_sha256 != commit.pipeline_sha256 || metadata.tick != commit.tick {
        return Err(about(Fault::records("belongs to another pipeline or another tick")));
    }
    Ok(snapshot)
}

/// Puts the newest checkpoint of `run` into a world that was built from the same pipeline.
///
/// # Errors
/// As [`read`]; or the tensors are not those that this world needs, which are then listed.
pub fn restore(world: &mut World, run: &Run) -> Result<(), Fault> {
    let Some(commit) = run.latest_commit() else {
        return Err(Fault::records(format!("`{}` has no commit", run.place())));
    };
    let snapshot = read(run, commit)?;
    let before = save_world(world);
    if let Err(fault) = restore_world(world, &snapshot) {
        let advice = format!(
            "this is the checkpoint of another pipeline: {}",
            differences(&before, &snapshot)
        );
        return Err(fault.advise(advice));
    }
    let after = save_world(world);
    if !same_bits(&after, &snapshot) {
        return Err(
            Fault::records("the checkpoint does not fit this pipeline or this program")
                .advise(differences(&after, &snapshot)),
        );
    }
    Ok(())
}

/// Two snapshots agree in names, shapes, types and bits (so that NaN equals itself).
pub(crate) fn same_bits(a: &Snapshot, b: &Snapshot) -> bool {
    let same = |a: &SavedTensor, b: &SavedTensor| a.shape == b.shape && first_different(&a.data, &b.data).is_none();
    a.tensors.len() == b.tensors.len()
        && a.tensors
            .iter()
            .zip(&b.tensors)
            .all(|((name_a, a), (name_b, b))| name_a == name_b && same(a, b))
}

/// The first element that is not the same in bits; of another type or length: the first at all.
pub(crate) fn first_different(a: &TensorData, b: &TensorData) -> Option<usize> {
    fn first<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> Option<usize> {
        let common = a.iter().zip(b).position(|(a, b)| !same(a, b));
        common.or((a.len() != b.len()).then_some(a.len().min(b.len())))
    }
    match (a, b) {
        (TensorData::U8(a), TensorData::U8(b)) => first(a, b, |a, b| a == b),
        (TensorData::F32(a), TensorData::F32(b)) => first(a, b, |a, b| a.to_bits() == b.to_bits()),
        (TensorData::F64(a), TensorData::F64(b)) => first(a, b, |a, b| a.to_bits() == b.to_bits()),
        (TensorData::U32(a), TensorData::U32(b)) => first(a, b, |a, b| a == b),
        (TensorData::U64(a), TensorData::U64(b)) => first(a, b, |a, b| a == b),
        _ => Some(0),
    }
}

/// What a world has and a checkpoint lacks, and the other way round; the first few of each.
fn differences(world: &Snapshot, checkpoint: &Snapshot) -> String {
    let list = |title: &str, names: Vec<String>| {
        let more = names.len().saturating_sub(5);
        let mut text = names.into_iter().take(5).collect::<Vec<_>>().join(", ");
        if more > 0 {
            text += &format!(" and {more} more");
        }
        (!text.is_empty()).then(|| format!("{title}: {text}"))
    };
    let without = |a: &Snapshot, b: &Snapshot| -> Vec<String> {
        a.tensors
            .keys()
            .filter(|name| !b.tensors.contains_key(*name))
            .cloned()
            .collect()
    };
    let mut misshapen = Vec::new();
    let mut changed = Vec::new();
    for (name, here) in &world.tensors {
        let Some(there) = checkpoint.tensors.get(name) else {
            continue;
        };
        if here.shape != there.shape {
            misshapen.push(format!("{name} {:?} instead of {:?}", there.shape, here.shape));
        } else if first_different(&here.data, &there.data).is_some() {
            changed.push(name.clone());
        }
    }
    let kinds = [
        list("missing in the checkpoint", without(world, checkpoint)),
        list("unknown to this pipeline", without(checkpoint, world)),
        list("of another shape", misshapen),
    ];
    let told: Vec<String> = kinds.into_iter().flatten().collect();
    match told.is_empty() {
        false => told.join("; "),
        true => list("same names and shapes, other values", changed).unwrap_or_else(|| "all tensors agree".into()),
    }
}
