//! Layers with a memory as Candle graphs, step by step: the reference.

use super::kernels::sequence::{HOLD, RESET};
use candle_core::{Device, Tensor};

/// Rows over time, `[steps, columns]`, as [`super::kernels::sequence::Sequence`].
#[derive(Debug, Clone)]
pub struct GraphSequence {
    /// Steps.
    pub steps: usize,
    /// Columns: who remembers.
    pub columns: usize,
    /// [`RESET`] and [`HOLD`], `[steps, columns]`; empty where neither occurs.
    pub flags: Vec<u8>,
}

impl GraphSequence {
    /// One step of so many memories.
    pub fn of_one_step(columns: usize) -> Self {
        Self {
            steps: 1,
            columns,
            flags: Vec::new(),
        }
    }

    /// `[columns, 1]`: 1 where the flag is set at this step, else 0; `None` if it is set nowhere.
    fn mask(&self, step: usize, flag: u8) -> candle_core::Result<Option<Tensor>> {
        let Some(flags) = self.flags.get(step * self.columns..(step + 1) * self.columns) else {
            return Ok(None);
        };
        if flags.iter().all(|f| f & flag == 0) {
            return Ok(None);
        }
        let mask: Vec<f32> = flags.iter().map(|f| f32::from(u8::from(f & flag != 0))).collect();
        Tensor::from_vec(mask, (self.columns, 1), &Device::Cpu).map(Some)
    }

    /// Steps through `x`, `[steps x columns, n]`: `step` makes memories after a step, `[columns, carry]`, of its rows and the memories before
    /// it. Memories after every step, `[steps x columns, carry]`, and the last.
    ///
    /// # Errors
    /// What Candle says.
    pub fn unroll(
        &self,
        x: &Tensor,
        carry: &Tensor,
        step: impl Fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let mut carry = carry.clone();
        let mut all = Vec::with_capacity(self.steps);
        for t in 0..self.steps {
            if let Some(reset) = self.mask(t, RESET)? {
                carry = carry.broadcast_mul(&reset.affine(-1.0, 1.0)?)?;
            }
            let next = step(&x.narrow(0, t * self.columns, self.columns)?, &carry)?;
            carry = match self.mask(t, HOLD)? {
                Some(hold) => (carry.broadcast_mul(&hold)? + next.broadcast_mul(&hold.affine(-1.0, 1.0)?)?)?,
                None => next,
            };
            all.push(carry.clone());
        }
        Ok((Tensor::cat(&all, 0)?, carry))
    }
}

/// `1 / (1 + e^-x)`.
pub(super) fn sigmoid(x: &Tensor) -> candle_core::Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}
