//! What survives a restart. Every component declares itself saved, derived or external; a test fails on one that does not.

use crate::EntityName;
use crate::fault::Fault;
use bevy_ecs::component::Mutable;
use bevy_ecs::prelude::*;
use std::any::TypeId;
use std::collections::BTreeMap;

/// The persistence class of a component or resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Written into checkpoints and read back.
    Saved,
    /// Made again from the pipeline and what is saved.
    Derived,
    /// Belongs to the process: writers, handles, terminals.
    External,
}

/// The numbers of one tensor of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the variants are the element types
pub enum TensorData {
    U8(Vec<u8>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    U32(Vec<u32>),
    U64(Vec<u64>),
}

/// One tensor of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedTensor {
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// As many numbers as the shape says.
    pub data: TensorData,
}

/// Everything saved, by name: `agent.chef/parameters/actor.0.kernel`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// In name order.
    pub tensors: BTreeMap<String, SavedTensor>,
    /// Of a joined snapshot: what stands for a tensor where one of this shape is asked for.
    longer: BTreeMap<String, SavedTensor>,
}

impl Snapshot {
    /// What runs that trained different replicas saved, in the order of their replicas. A tensor is what all of them agree on, or what they say
    /// one after the other along the first axis: whoever reads it knows by its shape which is meant.
    pub fn joined(parts: &[Self]) -> Self {
        let Some((first, others)) = parts.split_first() else {
            return Self::default();
        };
        let mut joined = Self::default();
        for (name, tensor) in &first.tensors {
            let others: Option<Vec<&SavedTensor>> = others.iter().map(|part| part.tensors.get(name)).collect();
            let Some(others) = others else { continue };
            if others.iter().all(|other| *other == tensor) {
                joined.tensors.insert(name.clone(), tensor.clone());
            }
            if let Some(longer) = tensor.followed_by(&others) {
                joined.longer.insert(name.clone(), longer);
            }
        }
        joined
    }
}

impl SavedTensor {
    /// This and `others` along the first axis; `None` if they do not fit.
    fn followed_by(&self, others: &[&Self]) -> Option<Self> {
        let mut all = self.clone();
        for other in others {
            let (mine, theirs) = (all.shape.split_first_mut()?, other.shape.split_first()?);
            if mine.1 != theirs.1 {
                return None;
            }
            *mine.0 += theirs.0;
            match (&mut all.data, &other.data) {
                (TensorData::U8(mine), TensorData::U8(theirs)) => mine.extend_from_slice(theirs),
                (TensorData::F32(mine), TensorData::F32(theirs)) => mine.extend_from_slice(theirs),
                (TensorData::F64(mine), TensorData::F64(theirs)) => mine.extend_from_slice(theirs),
                (TensorData::U32(mine), TensorData::U32(theirs)) => mine.extend_from_slice(theirs),
                (TensorData::U64(mine), TensorData::U64(theirs)) => mine.extend_from_slice(theirs),
                _ => return None,
            }
        }
        Some(all)
    }
}

/// A component that can be saved. Names given to `put` and `take` are local to the component.
pub trait Persist {
    /// The component's name inside a checkpoint, e.g. `parameters`.
    const SECTION: &'static str;
    /// Puts everything that is needed to go on.
    fn save(&self, section: &mut Section<'_>);
    /// Reads it back.
    ///
    /// # Errors
    /// Missing, extra-shaped or wrongly typed tensors.
    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault>;
}

/// Where a component puts its tensors.
#[derive(Debug)]
pub struct Section<'a> {
    prefix: String,
    snapshot: &'a mut Snapshot,
}

impl Section<'_> {
    /// Adds a tensor.
    pub fn put(&mut self, name: &str, shape: &[usize], data: TensorData) {
        let tensor = SavedTensor {
            shape: shape.to_vec(),
            data,
        };
        self.snapshot.tensors.insert(format!("{}/{name}", self.prefix), tensor);
    }
}

/// Where a component finds its tensors.
#[derive(Debug)]
pub struct SectionReader<'a> {
    prefix: String,
    snapshot: &'a Snapshot,
}

impl SectionReader<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&TensorData, Fault> {
        let full = format!("{}/{name}", self.prefix);
        let of_this_shape = |tensor: &&SavedTensor| tensor.shape == shape;
        let longer = self.snapshot.longer.get(&full).filter(of_this_shape);
        let tensor = longer
            .or_else(|| self.snapshot.tensors.get(&full))
            .ok_or_else(|| Fault::records(format!("the checkpoint has no tensor `{full}`")))?;
        if tensor.shape != shape {
            return Err(Fault::records(format!(
                "tensor `{full}` of the checkpoint has shape {:?}, this pipeline needs {shape:?}",
                tensor.shape
            )));
        }
        Ok(&tensor.data)
    }
    fn kind_fault(&self, name: &str) -> Fault {
        Fault::records(format!(
            "tensor `{}/{name}` of the checkpoint has another element type",
            self.prefix
        ))
    }
    /// A tensor of bytes of exactly this shape.
    ///
    /// # Errors
    /// Missing, or of another shape or type.
    pub fn u8(&self, name: &str, shape: &[usize]) -> Result<Vec<u8>, Fault> {
        match self.tensor(name, shape)? {
            TensorData::U8(values) => Ok(values.clone()),
            _ => Err(self.kind_fault(name)),
        }
    }
    /// A float tensor of exactly this shape.
    ///
    /// # Errors
    /// Missing, or of another shape or type.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Fault> {
        match self.tensor(name, shape)? {
            TensorData::F32(values) => Ok(values.clone()),
            _ => Err(self.kind_fault(name)),
        }
    }
    /// A double float tensor of exactly this shape.
    ///
    /// # Errors
    /// Missing, or of another shape or type.
    pub fn f64(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, Fault> {
        match self.tensor(name, shape)? {
            TensorData::F64(values) => Ok(values.clone()),
            _ => Err(self.kind_fault(name)),
        }
    }
    /// A `u32` tensor of exactly this shape.
    ///
    /// # Errors
    /// Missing, or of another shape or type.
    pub fn u32(&self, name: &str, shape: &[usize]) -> Result<Vec<u32>, Fault> {
        match self.tensor(name, shape)? {
            TensorData::U32(values) => Ok(values.clone()),
            _ => Err(self.kind_fault(name)),
        }
    }
    /// A `u64` tensor of exactly this shape.
    ///
    /// # Errors
    /// Missing, or of another shape or type.
    pub fn u64(&self, name: &str, shape: &[usize]) -> Result<Vec<u64>, Fault> {
        match self.tensor(name, shape)? {
            TensorData::U64(values) => Ok(values.clone()),
            _ => Err(self.kind_fault(name)),
        }
    }
}

type SaveFn = fn(&mut World, &mut Snapshot);
type RestoreFn = fn(&mut World, &Snapshot) -> Result<(), Fault>;

/// One line of [`PersistenceTable`].
#[derive(Debug, Clone, Copy)]
pub struct PersistenceEntry {
    /// The component's type name.
    pub name: &'static str,
    /// Its class.
    pub class: Persistence,
    save: Option<(SaveFn, RestoreFn)>,
}

/// The declared class of every component and resource.
#[derive(Resource, Debug, Default)]
pub struct PersistenceTable {
    entries: BTreeMap<TypeId, PersistenceEntry>,
}

impl PersistenceTable {
    /// Declares `C` saved.
    pub fn saved<C: Component<Mutability = Mutable> + Persist>(&mut self) -> &mut Self {
        self.insert::<C>(Persistence::Saved, Some((save_all::<C>, restore_all::<C>)))
    }
    /// Declares `C` derived: made again on resume.
    pub fn derived<C: 'static>(&mut self) -> &mut Self {
        self.insert::<C>(Persistence::Derived, None)
    }
    /// Declares `C` external to the run's state.
    pub fn external<C: 'static>(&mut self) -> &mut Self {
        self.insert::<C>(Persistence::External, None)
    }
    /// The class of the type, if declared.
    pub fn class_of(&self, id: TypeId) -> Option<Persistence> {
        self.entries.get(&id).map(|e| e.class)
    }
    fn insert<C: 'static>(&mut self, class: Persistence, save: Option<(SaveFn, RestoreFn)>) -> &mut Self {
        let name = std::any::type_name::<C>();
        self.entries
            .insert(TypeId::of::<C>(), PersistenceEntry { name, class, save });
        self
    }
    fn savers(&self) -> Vec<(SaveFn, RestoreFn)> {
        self.entries.values().filter_map(|e| e.save).collect()
    }
}

/// Everything saved in `world`.
pub fn save_world(world: &mut World) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let savers = world.get_resource::<PersistenceTable>().map(PersistenceTable::savers);
    for (save, _) in savers.into_iter().flatten() {
        save(world, &mut snapshot);
    }
    snapshot
}

/// Puts `snapshot` back into a world built from the same pipeline.
///
/// # Errors
/// The first component that does not find what it needs.
pub fn restore_world(world: &mut World, snapshot: &Snapshot) -> Result<(), Fault> {
    let savers = world.get_resource::<PersistenceTable>().map(PersistenceTable::savers);
    for (_, restore) in savers.into_iter().flatten() {
        restore(world, snapshot)?;
    }
    Ok(())
}

fn save_all<C: Component + Persist>(world: &mut World, snapshot: &mut Snapshot) {
    for (name, component) in world.query::<(&EntityName, &C)>().iter(world) {
        let prefix = format!("{name}/{}", C::SECTION);
        component.save(&mut Section { prefix, snapshot });
    }
}

fn restore_all<C: Component<Mutability = Mutable> + Persist>(
    world: &mut World,
    snapshot: &Snapshot,
) -> Result<(), Fault> {
    for (name, mut component) in world.query::<(&EntityName, &mut C)>().iter_mut(world) {
        let prefix = format!("{name}/{}", C::SECTION);
        component.restore(&SectionReader { prefix, snapshot })?;
    }
    Ok(())
}
