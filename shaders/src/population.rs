//! Many policies at once: members times lanes in every dispatch, and nothing back but how each did. The base of evolution strategies.

use crate::actor::Actor;
use crate::block::{Block, Setup};
use crate::play::{Moves, Play, Wants, grid};
use crate::sources;
use crate::staging::Reading;
use crate::world::{Bound, World, bind, layout};
use starling_components::Fault;
use starling_components::program::Program;
use starling_components::random::Key;
use std::sync::Arc;
use wgpu::{BufferUsages, CommandEncoderDescriptor, ComputePassDescriptor};

/// Steps of one submission.
const STEPS: usize = 32;

/// How one member did, over all its lanes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score {
    /// Episodes that ended.
    pub episodes: u64,
    /// Their steps.
    pub steps: u64,
    /// The sum of their returns, each the mean over seats, in `f32`.
    pub returns: f32,
}

impl Score {
    /// Mean return of an episode; `None` where none ended.
    pub fn mean(&self) -> Option<f64> {
        (self.episodes > 0).then(|| f64::from(self.returns) / self.episodes as f64)
    }
}

/// Who plays, and how long.
#[derive(Debug)]
pub struct Population<'a> {
    /// What every member computes.
    pub program: &'a Program,
    /// `[members, n]`.
    pub parameters: &'a [f32],
    /// Per member: the key of its environment, then of each seat's actions. Equal keys are common random numbers.
    pub keys: Vec<Vec<Key>>,
    /// Lanes of each member.
    pub lanes: usize,
    /// Steps of each lane.
    pub steps: usize,
    /// Take the most probable moves.
    pub greedy: bool,
}

impl World {
    /// Lets every member of a population play all seats, from the start of episode 0 in every lane.
    ///
    /// # Errors
    /// A policy or a population that the device has no room for; a device that has gone.
    pub fn evaluate(self: &Arc<Self>, population: &Population<'_>) -> Result<Vec<Score>, Fault> {
        let mut block = self.open(Setup {
            keys: population.keys.clone(),
            lanes: population.lanes,
            first: 0,
            steps: STEPS.min(population.steps.max(1)),
            // Nobody looks back.
            slots: 1,
            final_observations: false,
            outcomes: true,
        })?;
        block.reset()?;
        let seats: Vec<usize> = (0..self.shape.seats.len()).collect();
        let actor = Actor::new(&block, &self.shape, population.program, &seats)?;
        actor.set(&self.gpu, population.parameters)?;
        let actors = [actor];
        let mut done = 0;
        while done < population.steps {
            let steps = STEPS.min(population.steps - done);
            let play = Play {
                steps,
                time: done as u32,
                moves: Moves::Actors(&actors),
                greedy: population.greedy,
                wants: Wants::default(),
            };
            block.play(&play, |_| ())?;
            done += steps;
        }
        block.scores()
    }
}

impl Block {
    /// How each member did in the episodes that ended since [`Block::reset`], added up on the device.
    ///
    /// # Errors
    /// A device that has gone or is out of memory.
    pub fn scores(&self) -> Result<Vec<Score>, Fault> {
        let gpu = self.gpu();
        let members = self.setup.keys.len();
        let width = self.world.sizes.seats + 3;
        let text = format!("const WIDTH: u32 = {width}u;\n{}\n{}", sources::JOB, sources::REDUCE);
        let layout = layout(gpu, "statistics", &[Bound::Job, Bound::Read, Bound::Write])?;
        let pipeline = gpu.pipeline(&text, "reduce", &layout)?;
        let sums = gpu.buffer("the sums", 20 * members as u64, BufferUsages::STORAGE)?;
        let group = bind(
            gpu,
            "statistics",
            &layout,
            &[&self.buffers.jobs, &self.buffers.statistics, &sums],
        )?;
        self.write_job();
        let (columns, lines) = grid(members as u32, gpu.limits().max_compute_workgroups_per_dimension);
        let mut encoder = gpu.device.create_command_encoder(&CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &group, &[0]);
            pass.dispatch_workgroups(columns, lines, 1);
        }
        let mut reading = Reading::new();
        reading.ask(&sums, 0, 20 * members as u64);
        let pending = reading.encode(gpu, &mut encoder)?;
        let submission = gpu.queue.submit([encoder.finish()]);
        let wide = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        pending.read(gpu, submission, |bytes| {
            let words: &[u32] = bytemuck::cast_slice(bytes);
            let score = |words: &[u32]| Score {
                episodes: wide(words[0], words[1]),
                steps: wide(words[2], words[3]),
                returns: f32::from_bits(words[4]),
            };
            words.chunks_exact(5).map(score).collect()
        })
    }
}
