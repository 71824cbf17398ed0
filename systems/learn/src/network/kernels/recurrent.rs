//! The layers with a memory, behind one door.

use super::gru::GruSizes;
use super::lstm::LstmSizes;
use super::sequence::{Sequence, Tape};

/// A layer with a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recurrent {
    /// A gated recurrent unit.
    Gru(GruSizes),
    /// Long short-term memory.
    Lstm(LstmSizes),
}

impl Recurrent {
    /// Numbers of an input row.
    pub fn inputs(self) -> usize {
        match self {
            Self::Gru(sizes) => sizes.inputs,
            Self::Lstm(sizes) => sizes.inputs,
        }
    }
    /// Numbers of an output row.
    pub fn units(self) -> usize {
        match self {
            Self::Gru(sizes) => sizes.units,
            Self::Lstm(sizes) => sizes.units,
        }
    }
    /// Numbers of a memory.
    pub fn carry(self) -> usize {
        match self {
            Self::Gru(sizes) => sizes.units,
            Self::Lstm(sizes) => 2 * sizes.units,
        }
    }
    /// Numbers that it learns.
    pub fn parameters(self) -> usize {
        match self {
            Self::Gru(sizes) => sizes.parameters(),
            Self::Lstm(sizes) => sizes.parameters(),
        }
    }

    /// See [`GruSizes::forward`] and [`LstmSizes::forward`].
    pub fn forward(
        self,
        parameters: &[f32],
        sequence: Sequence<'_>,
        x: &[f32],
        carry: &mut [f32],
        out: &mut [f32],
        tape: &mut Tape,
    ) {
        match self {
            Self::Gru(sizes) => sizes.forward(parameters, sequence, x, carry, out, tape),
            Self::Lstm(sizes) => sizes.forward(parameters, sequence, x, carry, out, tape),
        }
    }

    /// See [`GruSizes::backward`] and [`LstmSizes::backward`].
    #[allow(clippy::too_many_arguments)] // the operands of one step of the chain rule
    pub fn backward(
        self,
        parameters: &[f32],
        sequence: Sequence<'_>,
        x: &[f32],
        slopes: &mut [f32],
        tape: &mut Tape,
        gradient: &mut [f32],
        input_slope: Option<(&mut [f32], bool)>,
        carry_slope: Option<&mut [f32]>,
    ) {
        match self {
            Self::Gru(sizes) => sizes.backward(
                parameters,
                sequence,
                x,
                slopes,
                tape,
                gradient,
                input_slope,
                carry_slope,
            ),
            Self::Lstm(sizes) => sizes.backward(
                parameters,
                sequence,
                x,
                slopes,
                tape,
                gradient,
                input_slope,
                carry_slope,
            ),
        }
    }
}
