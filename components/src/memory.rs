//! What a learner remembers between updates besides parameters and optimiser state: target parameters, a replay buffer, counters.
//!
//! A learner says what it needs ([`crate::learn::Learn::memory`]); each replica gets a [`Memory`] of zeros, allocated before the first update,
//! passed to every update and saved with the run. All zeros means new: an agent that starts anew gets that again.

use crate::fault::Fault;
use crate::persist::{Persist, Section, SectionReader, TensorData};
use bevy_ecs::prelude::*;

/// Element type of a [`Buffer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the variants are the element types
pub enum Element {
    U8,
    U32,
    U64,
    F32,
}

impl Element {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U32 | Self::F32 => 4,
            Self::U64 => 8,
        }
    }
}

/// One buffer that a learner asks for, per replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryBuffer {
    /// Its name in a checkpoint, e.g. `target`.
    pub name: &'static str,
    /// What its numbers are.
    pub element: Element,
    /// How many.
    pub len: usize,
}

impl MemoryBuffer {
    /// `len` numbers called `name`.
    pub fn new(name: &'static str, element: Element, len: usize) -> Self {
        Self { name, element, len }
    }
}

/// The numbers of one buffer.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the variants are the element types
pub enum Buffer {
    U8(Vec<u8>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    F32(Vec<f32>),
}

impl Buffer {
    fn zeros(element: Element, len: usize) -> Self {
        match element {
            Element::U8 => Self::U8(vec![0; len]),
            Element::U32 => Self::U32(vec![0; len]),
            Element::U64 => Self::U64(vec![0; len]),
            Element::F32 => Self::F32(vec![0.0; len]),
        }
    }
    fn fill_zero(&mut self) {
        match self {
            Self::U8(v) => v.fill(0),
            Self::U32(v) => v.fill(0),
            Self::U64(v) => v.fill(0),
            Self::F32(v) => v.fill(0.0),
        }
    }
}

/// One replica's memory: its buffers in the order in which the learner asked for them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    /// As many as the learner asked for, each of the length and type that it asked for.
    pub buffers: Vec<Buffer>,
}

impl Memory {
    /// Zeros.
    pub fn zeros(specs: &[MemoryBuffer]) -> Self {
        let zeros = |spec: &MemoryBuffer| Buffer::zeros(spec.element, spec.len);
        Self {
            buffers: specs.iter().map(zeros).collect(),
        }
    }
}

/// The memory of an agent's learner, on the entity of `[agent.x]` where the learner asks for any. Saved.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct LearnerMemory {
    specs: Vec<MemoryBuffer>,
    count: usize,
    /// One per replica; empty before the first update.
    replicas: Vec<Memory>,
}

impl LearnerMemory {
    /// Nothing is allocated yet.
    pub fn new(specs: Vec<MemoryBuffer>, replicas: usize) -> Self {
        Self {
            specs,
            count: replicas,
            replicas: Vec::new(),
        }
    }

    /// Bytes that all replicas take.
    pub fn bytes(&self) -> usize {
        let one: usize = self.specs.iter().map(|spec| spec.element.bytes() * spec.len).sum();
        one.saturating_mul(self.count)
    }

    /// One memory per replica, allocated at the first call.
    pub fn replicas(&mut self) -> &mut [Memory] {
        if self.replicas.is_empty() {
            self.replicas = (0..self.count).map(|_| Memory::zeros(&self.specs)).collect();
        }
        &mut self.replicas
    }

    /// Back to zeros: the agent starts anew.
    pub fn reset(&mut self) {
        for buffer in self.replicas.iter_mut().flat_map(|memory| &mut memory.buffers) {
            buffer.fill_zero();
        }
    }
}

/// One tensor `[replicas, len]` per buffer, and whether there were any yet.
impl Persist for LearnerMemory {
    const SECTION: &'static str = "memory";

    fn save(&self, section: &mut Section<'_>) {
        let allocated = u32::from(!self.replicas.is_empty());
        section.put("allocated", &[1], TensorData::U32(vec![allocated]));
        if allocated == 0 {
            return;
        }
        for (index, spec) in self.specs.iter().enumerate() {
            let buffers = self.replicas.iter().filter_map(|memory| memory.buffers.get(index));
            macro_rules! gathered {
                ($kind:ident) => {{
                    let mut all = Vec::with_capacity(self.count * spec.len);
                    for buffer in buffers {
                        if let Buffer::$kind(values) = buffer {
                            all.extend_from_slice(values);
                        }
                    }
                    TensorData::$kind(all)
                }};
            }
            let data = match spec.element {
                Element::U8 => gathered!(U8),
                Element::U32 => gathered!(U32),
                Element::U64 => gathered!(U64),
                Element::F32 => gathered!(F32),
            };
            section.put(spec.name, &[self.count, spec.len], data);
        }
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        self.replicas.clear();
        if section.u32("allocated", &[1])? == [0] {
            return Ok(());
        }
        let mut replicas = vec![Memory::default(); self.count];
        for spec in &self.specs {
            let shape = [self.count, spec.len];
            macro_rules! parted {
                ($kind:ident, $read:ident) => {{
                    let all = section.$read(spec.name, &shape)?;
                    for (index, memory) in replicas.iter_mut().enumerate() {
                        let own = all[index * spec.len..(index + 1) * spec.len].to_vec();
                        memory.buffers.push(Buffer::$kind(own));
                    }
                }};
            }
            match spec.element {
                Element::U8 => parted!(U8, u8),
                Element::U32 => parted!(U32, u32),
                Element::U64 => parted!(U64, u64),
                Element::F32 => parted!(F32, f32),
            }
        }
        self.replicas = replicas;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EntityName;
    use crate::persist::{PersistenceTable, restore_world, save_world};

    fn world(specs: &[MemoryBuffer]) -> World {
        let mut world = World::new();
        let mut table = PersistenceTable::default();
        table.saved::<LearnerMemory>();
        world.insert_resource(table);
        world.spawn((EntityName::new("agent", "a"), LearnerMemory::new(specs.to_vec(), 2)));
        world
    }

    fn memory(world: &mut World) -> LearnerMemory {
        world.query::<&LearnerMemory>().single(world).expect("one").clone()
    }

    #[test]
    fn what_was_remembered_is_restored_and_forgotten_again() {
        let specs = [
            MemoryBuffer::new("seen", Element::U8, 3),
            MemoryBuffer::new("target", Element::F32, 2),
            MemoryBuffer::new("count", Element::U64, 1),
        ];
        let mut first = world(&specs);
        let before = save_world(&mut first);
        for (index, memory) in first
            .query::<&mut LearnerMemory>()
            .single_mut(&mut first)
            .expect("one")
            .replicas()
            .iter_mut()
            .enumerate()
        {
            memory.buffers = vec![
                Buffer::U8(vec![index as u8 + 1; 3]),
                Buffer::F32(vec![0.5, -1.5]),
                Buffer::U64(vec![u64::MAX]),
            ];
        }
        let after = save_world(&mut first);
        let mut second = world(&specs);
        restore_world(&mut second, &after).expect("the same memory");
        assert_eq!(memory(&mut first), memory(&mut second));
        second
            .query::<&mut LearnerMemory>()
            .single_mut(&mut second)
            .expect("one")
            .reset();
        let mut zeros = LearnerMemory::new(specs.to_vec(), 2);
        zeros.replicas();
        assert_eq!(memory(&mut second), zeros);
        restore_world(&mut second, &before).expect("nothing yet");
        assert_eq!(memory(&mut second), LearnerMemory::new(specs.to_vec(), 2));
        let mut other = world(&[MemoryBuffer::new("seen", Element::U8, 4)]);
        assert!(restore_world(&mut other, &after).is_err());
    }
}
