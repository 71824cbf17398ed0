//! What the device's memory does at best: the yardstick of kernels that write more than they compute.

use crate::gpu::Gpu;
use starling_components::Fault;
use std::time::Instant;
use wgpu::{BufferUsages, CommandEncoderDescriptor};

/// Copies of one measurement.
const COPIES: u64 = 16;

impl Gpu {
    /// Bytes per second, read and written together, of copies from buffer to buffer.
    ///
    /// # Errors
    /// A device that has gone or is out of memory.
    pub fn bandwidth(&self) -> Result<f64, Fault> {
        let bytes = (256 << 20).min(self.report().max_buffer / 4);
        let from = self.buffer("a source", bytes, BufferUsages::COPY_SRC)?;
        let to = self.buffer("a copy", bytes, BufferUsages::COPY_DST)?;
        let mut best = 0.0_f64;
        for _ in 0..3 {
            let mut encoder = self.device.create_command_encoder(&CommandEncoderDescriptor::default());
            for _ in 0..COPIES {
                encoder.copy_buffer_to_buffer(&from, 0, &to, 0, bytes);
            }
            let begun = Instant::now();
            let submission = self.queue.submit([encoder.finish()]);
            self.wait(submission)?;
            best = best.max((2 * COPIES * bytes) as f64 / begun.elapsed().as_secs_f64());
        }
        Ok(best)
    }
}
