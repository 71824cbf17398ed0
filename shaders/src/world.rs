//! One game on one device: its compiled kernels and its table.

use crate::compose::{Draws, Packing, Sizes, compose, unpacked};
use crate::gpu::Gpu;
use starling_components::Fault;
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::Twin;
use std::sync::Arc;
use wgpu::{BindGroupLayout, BindingType, Buffer, BufferBindingType, ComputePipeline, ShaderStages};

/// Invocations of a workgroup, as the kernels say.
pub(crate) const GROUP: u32 = 64;
/// Bytes of a kernel's `Job`.
pub(crate) const JOB_BYTES: u64 = 64;

/// What a binding is.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// The job, at an offset of each dispatch.
    Job,
    /// Read and written.
    Write,
    /// Read only.
    Read,
}

/// The layout of bindings 0, 1, ...
pub(crate) fn layout(gpu: &Gpu, what: &str, bindings: &[Bound]) -> Result<BindGroupLayout, Fault> {
    let storage = bindings.iter().filter(|bound| !matches!(bound, Bound::Job)).count();
    let most = gpu.limits().max_storage_buffers_per_shader_stage as usize;
    if storage > most {
        let message = format!(
            "{what} reads and writes {storage} buffers, and a kernel of {} may have {most}",
            gpu.report().name
        );
        return Err(Fault::run(message).advise("choose another adapter by STARLING_ADAPTER, or `backend = \"cpu\"`"));
    }
    let entry = |(binding, bound): (usize, &Bound)| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: ShaderStages::COMPUTE,
        ty: BindingType::Buffer {
            ty: match bound {
                Bound::Job => BufferBindingType::Uniform,
                Bound::Write => BufferBindingType::Storage { read_only: false },
                Bound::Read => BufferBindingType::Storage { read_only: true },
            },
            has_dynamic_offset: matches!(bound, Bound::Job),
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = bindings.iter().enumerate().map(entry).collect();
    gpu.attempt(what, || {
        gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(what),
            entries: &entries,
        })
    })
}

/// Binds `buffers` in order; the first is the jobs.
pub(crate) fn bind(
    gpu: &Gpu,
    what: &str,
    layout: &BindGroupLayout,
    buffers: &[&Buffer],
) -> Result<wgpu::BindGroup, Fault> {
    let entries: Vec<_> = buffers
        .iter()
        .enumerate()
        .map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: match binding {
                0 => wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer,
                    offset: 0,
                    size: wgpu::BufferSize::new(JOB_BYTES),
                }),
                _ => buffer.as_entire_binding(),
            },
        })
        .collect();
    gpu.attempt(what, || {
        gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(what),
            layout,
            entries: &entries,
        })
    })
}

/// One game on one device.
#[derive(Debug)]
pub struct World {
    pub(crate) gpu: Arc<Gpu>,
    pub(crate) sizes: Sizes,
    /// Steps of one dispatch at most.
    pub(crate) steps: usize,
    pub(crate) twin: Twin,
    pub(crate) packing: Packing,
    pub(crate) draws: Draws,
    pub(crate) shape: EnvironmentShape,
    pub(crate) layout: BindGroupLayout,
    pub(crate) table: Buffer,
    pub(crate) rollout: ComputePipeline,
    pub(crate) look: ComputePipeline,
}

impl World {
    /// Compiles the kernels of a game.
    ///
    /// # Errors
    /// A text that does not compile; a limit that is too small; a device that has gone.
    pub fn compile(
        gpu: &Arc<Gpu>,
        shape: &EnvironmentShape,
        twin: &Twin,
        packing: Packing,
    ) -> Result<Arc<Self>, Fault> {
        Self::with_draws(gpu, shape, twin, packing, Draws::Generator)
    }

    /// Compiles the kernels of a game that draws what [`Block::write_draws`] puts down: `words` words of every lane.
    ///
    /// [`Block::write_draws`]: crate::Block::write_draws
    ///
    /// # Errors
    /// As for [`World::compile`].
    pub fn compile_recorded(
        gpu: &Arc<Gpu>,
        shape: &EnvironmentShape,
        twin: &Twin,
        packing: Packing,
        words: usize,
    ) -> Result<Arc<Self>, Fault> {
        Self::with_draws(gpu, shape, twin, packing, Draws::Recorded { words })
    }

    fn with_draws(
        gpu: &Arc<Gpu>,
        shape: &EnvironmentShape,
        twin: &Twin,
        packing: Packing,
        draws: Draws,
    ) -> Result<Arc<Self>, Fault> {
        let (text, table) = compose(shape, twin, packing, draws);
        let mut bindings = vec![
            Bound::Job,
            Bound::Write,
            Bound::Write,
            Bound::Write,
            Bound::Write,
            Bound::Write,
            Bound::Read,
            Bound::Read,
            Bound::Read,
            Bound::Write,
        ];
        if draws != Draws::Generator {
            bindings.push(Bound::Read);
        }
        let layout = layout(gpu, "a rollout", &bindings)?;
        let sizes = Sizes::of(shape, twin, packing);
        let [per_step, besides] = sizes.loops;
        let steps = gpu.loops().saturating_sub(besides) / per_step.max(1);
        if steps == 0 {
            let message = format!(
                "one step of this game takes up to {per_step} iterations of loops, more than {} goes through with",
                gpu.report().name
            );
            return Err(Fault::run(message).advise("use an adapter that is hardware, or `backend = \"cpu\"`"));
        }
        Ok(Arc::new(Self {
            sizes,
            steps,
            rollout: gpu.pipeline(&text, "rollout", &layout)?,
            look: gpu.pipeline(&text, "look", &layout)?,
            table: gpu.words("the table of the rules", &table)?,
            gpu: Arc::clone(gpu),
            twin: twin.clone(),
            shape: shape.clone(),
            packing,
            draws,
            layout,
        }))
    }

    /// The device.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Words of one seat's packed observation.
    pub fn observation_words(&self) -> usize {
        self.sizes.observation_words
    }

    /// The observation of one row of `[slots, lanes, seats]`, of bytes, from what kernels wrote for `lanes` lanes.
    pub fn unpack(&self, observations: &[u32], lanes: usize, slot: usize, lane: usize, seat: usize) -> Vec<u8> {
        let (seats, words) = (self.sizes.seats, self.sizes.observation_words);
        let row: Vec<u32> = match self.packing {
            Packing::Bytes => observations[((slot * lanes + lane) * seats + seat) * words..][..words].to_vec(),
            Packing::Bits => {
                let row = (slot * seats + seat) * words * lanes + lane;
                (0..words).map(|word| observations[row + word * lanes]).collect()
            }
        };
        unpacked(&row, &self.twin, self.packing, self.sizes.width)
    }
}
