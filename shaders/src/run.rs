//! One kernel over words, for tests of shared sources and for kernels of one's own.

use crate::gpu::Gpu;
use crate::staging::Reading;
use crate::world::{Bound, bind, layout};
use starling_components::Fault;
use wgpu::BufferUsages;

impl Gpu {
    /// Runs the entry point `entry` of `text` in so many workgroups and reads `out` words back. Binding 1 of group 0 holds them, zeroed, to be
    /// written; binding 2 holds `words`, to be read; binding 0 is left to the kernel's uniform, 64 bytes of zeros.
    ///
    /// # Errors
    /// A text that does not compile; too little memory; a device that has gone.
    pub fn run(
        &self,
        text: &str,
        entry: &'static str,
        workgroups: u32,
        words: &[u32],
        out: usize,
    ) -> Result<Vec<u32>, Fault> {
        let layout = layout(self, "a kernel", &[Bound::Job, Bound::Write, Bound::Read])?;
        let pipeline = self.pipeline(text, entry, &layout)?;
        let uniform = self.buffer("the uniform", 64, BufferUsages::UNIFORM)?;
        let written = self.buffer("what is written", 4 * out as u64, BufferUsages::STORAGE)?;
        let read = self.words("what is read", words)?;
        let group = bind(self, "a kernel", &layout, &[&uniform, &written, &read])?;
        let mut encoder = self
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &group, &[0]);
            pass.dispatch_workgroups(workgroups, 1, 1);
        }
        let mut reading = Reading::new();
        reading.ask(&written, 0, 4 * out as u64);
        let pending = reading.encode(self, &mut encoder)?;
        let submission = self.queue.submit([encoder.finish()]);
        pending.read(self, submission, |bytes| bytemuck::cast_slice(bytes).to_vec())
    }
}
