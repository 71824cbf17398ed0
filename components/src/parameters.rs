//! Parameters and optimiser state as flat `f32` buffers with a replica axis and a table of named layouts.

use crate::fault::Fault;
use crate::persist::{Persist, Section, SectionReader, TensorData};
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One named tensor inside a flat buffer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutEntry {
    /// E.g. `actor.0.kernel`.
    pub name: String,
    /// Row-major shape; a dense kernel is `[inputs, outputs]`.
    pub shape: Vec<usize>,
    /// First element in the flat buffer.
    pub offset: usize,
}

impl LayoutEntry {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// Has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The elements' place in the flat buffer.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// Names and places of all tensors of one replica.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Layout {
    /// In buffer order, without gaps.
    pub entries: Vec<LayoutEntry>,
}

impl Layout {
    /// Appends a tensor and returns its place.
    pub fn push(&mut self, name: impl Into<String>, shape: impl Into<Vec<usize>>) -> std::ops::Range<usize> {
        let entry = LayoutEntry {
            name: name.into(),
            shape: shape.into(),
            offset: self.len(),
        };
        let range = entry.range();
        self.entries.push(entry);
        range
    }
    /// Parameters of one replica.
    pub fn len(&self) -> usize {
        self.entries.last().map_or(0, |e| e.offset + e.len())
    }
    /// No parameters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The parameters of an agent, `[replicas, n]`. Saved.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Names and shapes of one replica's part.
    pub layout: Arc<Layout>,
    /// `[replicas, n]`.
    pub values: Vec<f32>,
}

impl Parameters {
    /// Replicas held.
    pub fn replicas(&self) -> usize {
        self.values.len().checked_div(self.layout.len()).unwrap_or(0)
    }
    /// One replica's parameters, `[n]`; `index` counts what is held, it is not the replica's number.
    pub fn replica(&self, index: usize) -> &[f32] {
        let n = self.layout.len();
        &self.values[index * n..(index + 1) * n]
    }
}

/// One tensor per layout entry, with the replica axis in front: readable by any safetensors tool.
impl Persist for Parameters {
    const SECTION: &'static str = "parameters";

    fn save(&self, section: &mut Section<'_>) {
        for entry in &self.layout.entries {
            let shape: Vec<usize> = std::iter::once(self.replicas())
                .chain(entry.shape.iter().copied())
                .collect();
            let rows = (0..self.replicas()).flat_map(|r| &self.replica(r)[entry.range()]);
            section.put(&entry.name, &shape, TensorData::F32(rows.copied().collect()));
        }
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        let (replicas, n) = (self.replicas(), self.layout.len());
        for entry in &self.layout.entries {
            let shape: Vec<usize> = std::iter::once(replicas).chain(entry.shape.iter().copied()).collect();
            let saved = section.f32(&entry.name, &shape)?;
            for (r, row) in saved.chunks_exact(entry.len().max(1)).enumerate() {
                self.values[r * n..][entry.range()].copy_from_slice(row);
            }
        }
        Ok(())
    }
}

/// The optimiser state of an agent. Saved.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct OptimizerState {
    /// First moments, `[replicas, n]`.
    pub first: Vec<f32>,
    /// Second moments, `[replicas, n]`.
    pub second: Vec<f32>,
    /// Adam's own counter t, which Adam-Rel resets, `[replicas]`.
    pub local_steps: Vec<u64>,
    /// Optimiser steps since the start, which schedules read and nothing resets, `[replicas]`.
    pub steps: Vec<u64>,
}

impl Persist for OptimizerState {
    const SECTION: &'static str = "optimizer";

    fn save(&self, section: &mut Section<'_>) {
        let replicas = self.steps.len();
        let n = self.first.len().checked_div(replicas).unwrap_or(0);
        section.put("first", &[replicas, n], TensorData::F32(self.first.clone()));
        section.put("second", &[replicas, n], TensorData::F32(self.second.clone()));
        section.put("local_steps", &[replicas], TensorData::U64(self.local_steps.clone()));
        section.put("steps", &[replicas], TensorData::U64(self.steps.clone()));
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        let replicas = self.steps.len();
        let n = self.first.len().checked_div(replicas).unwrap_or(0);
        self.first = section.f32("first", &[replicas, n])?;
        self.second = section.f32("second", &[replicas, n])?;
        self.local_steps = section.u64("local_steps", &[replicas])?;
        self.steps = section.u64("steps", &[replicas])?;
        Ok(())
    }
}

/// The replicas of an agent: their numbers, which key randomness and index per-replica lists.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct Replicas(pub Vec<u32>);
