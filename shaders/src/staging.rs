//! The ring of buffers by which results come back: each is used for one read, and goes to the back of the ring.

use crate::gpu::Gpu;
use starling_components::Fault;
use std::sync::{Mutex, PoisonError, mpsc};
use wgpu::{Buffer, BufferUsages, CommandEncoder, MapMode, SubmissionIndex};

/// Buffers that wait for their next use.
#[derive(Default)]
pub(crate) struct Staging(Mutex<Vec<Buffer>>);

/// Buffers that are kept at most.
const KEPT: usize = 8;

impl Staging {
    /// The smallest free buffer of at least `bytes`, or a new one.
    fn take(&self, gpu: &Gpu, bytes: u64) -> Result<Buffer, Fault> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |(_, buffer): &(usize, &Buffer)| buffer.size() >= bytes;
        let best = free
            .iter()
            .enumerate()
            .filter(fits)
            .min_by_key(|(_, buffer)| buffer.size());
        if let Some((place, _)) = best {
            return Ok(free.remove(place));
        }
        drop(free);
        gpu.attempt("a buffer to read results from", || {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size: bytes.max(4).next_multiple_of(4),
                usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
    }

    fn give_back(&self, buffer: Buffer) {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() == KEPT {
            free.remove(0);
        }
        free.push(buffer);
    }
}

/// What is to be read of one submission: copies into one staging buffer, in order.
pub(crate) struct Reading {
    parts: Vec<(Buffer, u64, u64)>,
    bytes: u64,
}

impl Reading {
    pub(crate) fn new() -> Self {
        Self {
            parts: Vec::new(),
            bytes: 0,
        }
    }

    /// Asks for `bytes` bytes of `buffer` from `from` on; where they will lie.
    pub(crate) fn ask(&mut self, buffer: &Buffer, from: u64, bytes: u64) -> std::ops::Range<usize> {
        let at = self.bytes as usize;
        self.parts.push((buffer.clone(), from, bytes));
        self.bytes += bytes;
        at..at + bytes as usize
    }

    /// Copies at the end of the commands of `encoder`.
    pub(crate) fn encode(&self, gpu: &Gpu, encoder: &mut CommandEncoder) -> Result<Pending, Fault> {
        let buffer = gpu.staging.take(gpu, self.bytes)?;
        let mut at = 0;
        for (from, offset, bytes) in &self.parts {
            if *bytes > 0 {
                encoder.copy_buffer_to_buffer(from, *offset, &buffer, at, *bytes);
            }
            at += bytes;
        }
        Ok(Pending {
            buffer,
            bytes: self.bytes,
        })
    }
}

/// A read that comes back with its submission.
pub(crate) struct Pending {
    buffer: Buffer,
    bytes: u64,
}

impl Pending {
    /// Waits for the submission and hands its bytes to `take`.
    pub(crate) fn read<T>(
        self,
        gpu: &Gpu,
        submission: SubmissionIndex,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Fault> {
        let (send, receive) = mpsc::channel();
        let range = 0..self.bytes;
        self.buffer.map_async(MapMode::Read, range.clone(), move |result| {
            send.send(result).ok();
        });
        gpu.wait(submission)?;
        let mapped = receive.recv().map_err(|error| error.to_string());
        let mapped = mapped.and_then(|result| result.map_err(|error| error.to_string()));
        let unreadable = |why: String| {
            gpu.check().err().unwrap_or_else(|| {
                Fault::run(format!("results of {} cannot be read: {why}", gpu.report().name))
                    .advise("`starling resume RUN --backend cpu` goes on without the device")
            })
        };
        mapped.map_err(unreadable)?;
        let view = self
            .buffer
            .get_mapped_range(range)
            .map_err(|error| unreadable(error.to_string()))?;
        let taken = take(&view);
        drop(view);
        self.buffer.unmap();
        gpu.staging.give_back(self.buffer);
        Ok(taken)
    }
}
