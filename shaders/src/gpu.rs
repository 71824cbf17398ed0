//! The device: its buffers and kernels, and what it says when something goes wrong.

use crate::adapters::{AdapterReport, CHOICE, chosen, found, instance};
use crate::staging::Staging;
use starling_components::Fault;
use std::collections::HashMap;
use std::fmt::Formatter;
use std::sync::{Arc, Mutex, PoisonError};
use wgpu::{
    Adapter, Buffer, BufferDescriptor, BufferUsages, ComputePipeline, Device, DeviceDescriptor, ErrorFilter, Features,
    Limits, PollType, Queue, SubmissionIndex,
};

/// Mesa's software adapter ends all loops of an invocation after 65,535 iterations, silently; with some room.
const SOFTWARE_LOOPS: usize = 60_000;

/// A device with its queue.
pub struct Gpu {
    pub(crate) device: Device,
    pub(crate) queue: Queue,
    pub(crate) staging: Staging,
    report: AdapterReport,
    limits: Limits,
    lost: Arc<Mutex<Option<String>>>,
    /// By composed text and entry point. Only ever asked by key.
    pipelines: Mutex<HashMap<(String, &'static str), ComputePipeline>>,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu")
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Gpu {
    /// The device that the environment variable `STARLING_ADAPTER` chooses; without it the first of the hardware, or else the software adapter.
    ///
    /// # Errors
    /// There is none, or it does not open.
    pub fn open() -> Result<Arc<Self>, Fault> {
        let choice = std::env::var(CHOICE).ok().filter(|choice| !choice.is_empty());
        Self::choose(choice.as_deref())
    }

    /// As [`Gpu::open`] with `choice` in place of the variable.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn choose(choice: Option<&str>) -> Result<Arc<Self>, Fault> {
        let adapter = chosen(found(&instance()), choice)?;
        let limits = adapter.limits();
        Self::with_limits(&adapter, limits)
    }

    /// A device of the chosen adapter that pretends to have smaller buffers, for tests of what happens where they are too small.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn small(choice: Option<&str>, max_buffer: u64) -> Result<Arc<Self>, Fault> {
        let adapter = chosen(found(&instance()), choice)?;
        let limits = Limits {
            max_buffer_size: max_buffer,
            max_storage_buffer_binding_size: max_buffer,
            ..adapter.limits()
        };
        Self::with_limits(&adapter, limits)
    }

    fn with_limits(adapter: &Adapter, limits: Limits) -> Result<Arc<Self>, Fault> {
        let report = AdapterReport::of(adapter);
        let descriptor = DeviceDescriptor {
            label: Some("starling"),
            required_features: adapter.features() & Features::TIMESTAMP_QUERY,
            required_limits: limits.clone(),
            ..DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| {
            Fault::run(format!("{report} does not open: {error}"))
                .advise("choose another adapter by STARLING_ADAPTER; `starling doctor` lists them")
        })?;
        let lost = Arc::new(Mutex::new(None));
        let note = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| {
            let what = if message.is_empty() {
                format!("{reason:?}")
            } else {
                message
            };
            note.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
        });
        let note = Arc::clone(&lost);
        // What no scope catches comes after the device has gone, or is a bug of ours: either way the device is of no more use.
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let mut lost = note.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert(error.to_string());
        }));
        Ok(Arc::new(Self {
            device,
            queue,
            staging: Staging::default(),
            report,
            limits,
            lost,
            pipelines: Mutex::default(),
        }))
    }

    /// Which adapter this is.
    pub fn report(&self) -> &AdapterReport {
        &self.report
    }

    /// What it allows.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Iterations that the loops of one invocation may have in all.
    pub(crate) fn loops(&self) -> usize {
        if self.report.software {
            SOFTWARE_LOOPS
        } else {
            usize::MAX
        }
    }

    /// Gives the device up, as if it had been unplugged: for tests.
    pub fn lose(&self) {
        self.device.destroy();
        self.lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| "it was given up".to_owned());
    }

    /// # Errors
    /// The device has gone.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        match &*lost {
            None => Ok(()),
            Some(why) => Err(self.gone(why)),
        }
    }

    fn gone(&self, why: &str) -> Fault {
        Fault::run(format!("the device {} was lost: {why}", self.report.name)).advise(
            "rows up to the last commit are kept: `starling resume RUN` goes on with a device, `starling resume RUN --backend cpu` without",
        )
    }

    /// Runs `make`, and turns what the device says about it into a fault. `what` is being made.
    ///
    /// # Errors
    /// Out of memory, refused, broken, or gone.
    pub(crate) fn attempt<T>(&self, what: &str, make: impl FnOnce() -> T) -> Result<T, Fault> {
        self.check()?;
        let memory = self.device.push_error_scope(ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(ErrorFilter::Internal);
        let validation = self.device.push_error_scope(ErrorFilter::Validation);
        let made = make();
        let validation = pollster::block_on(validation.pop());
        let internal = pollster::block_on(internal.pop());
        let memory = pollster::block_on(memory.pop());
        self.check()?;
        let name = &self.report.name;
        if let Some(error) = memory {
            return Err(
                Fault::run(format!("the device {name} is out of memory for {what}: {error}")).advise(
                    "fewer lanes or a shorter rollout need less; `backend = \"cpu\"` uses the machine's own memory",
                ),
            );
        }
        if let Some(error) = validation.or(internal) {
            return Err(Fault::run(format!("the device {name} refuses {what}: {error}")).advise(
                "`backend = \"cpu\"` plays without it; this is worth reporting with the output of `starling doctor`",
            ));
        }
        Ok(made)
    }

    /// A buffer of `bytes` bytes, zeroed.
    ///
    /// # Errors
    /// A limit that is too small; no memory.
    pub(crate) fn buffer(&self, what: &str, bytes: u64, usage: BufferUsages) -> Result<Buffer, Fault> {
        // A binding is never empty, and copies are in words.
        let bytes = bytes.max(16).next_multiple_of(4);
        let bound = usage.contains(BufferUsages::STORAGE);
        let most = self.limits.max_buffer_size;
        let most = if bound {
            most.min(self.limits.max_storage_buffer_binding_size)
        } else {
            most
        };
        if bytes > most {
            let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
            let message = format!(
                "{what} would take {:.3} GiB, and a buffer of {} has {:.3} at most",
                gib(bytes),
                self.report.name,
                gib(most)
            );
            return Err(Fault::run(message).advise("fewer `lanes`, or fewer `steps` of a rollout"));
        }
        self.attempt(what, || {
            self.device.create_buffer(&BufferDescriptor {
                label: Some(what),
                size: bytes,
                usage: usage | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
    }

    /// A storage buffer that holds `words`.
    ///
    /// # Errors
    /// As [`Gpu::buffer`].
    pub(crate) fn words(&self, what: &str, words: &[u32]) -> Result<Buffer, Fault> {
        let buffer = self.buffer(what, 4 * words.len() as u64, BufferUsages::STORAGE)?;
        self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
        Ok(buffer)
    }

    /// The compiled kernel of `text` with this entry point: made once.
    ///
    /// # Errors
    /// A text that does not compile.
    pub(crate) fn pipeline(
        &self,
        text: &str,
        entry: &'static str,
        layout: &wgpu::BindGroupLayout,
    ) -> Result<ComputePipeline, Fault> {
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (text.to_owned(), entry);
        if let Some(pipeline) = pipelines.get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = self.attempt(&format!("the kernel `{entry}`"), || {
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(entry),
                source: wgpu::ShaderSource::Wgsl(text.into()),
            });
            let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(entry),
                bind_group_layouts: &[Some(layout)],
                immediate_size: 0,
            });
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(entry),
                layout: Some(&layout),
                module: &module,
                entry_point: Some(entry),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // Kernels write what they share before they read it.
                    zero_initialize_workgroup_memory: false,
                    ..wgpu::PipelineCompilationOptions::default()
                },
                cache: None,
            })
        })?;
        pipelines.insert(key, pipeline.clone());
        Ok(pipeline)
    }

    /// Waits until a submission has been worked off.
    ///
    /// # Errors
    /// The device has gone.
    pub(crate) fn wait(&self, submission: SubmissionIndex) -> Result<(), Fault> {
        let wait = PollType::Wait {
            submission_index: Some(submission),
            timeout: None,
        };
        let polled = self.device.poll(wait);
        self.check()?;
        polled.map(drop).map_err(|error| self.gone(&error.to_string()))
    }
}
