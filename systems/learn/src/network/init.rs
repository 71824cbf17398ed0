//! Initial parameters: orthogonal kernels (Saxe et al. 2014), constant biases.

use super::Network;
use super::layer::Init;
use crate::distribution::gaussian::normals;
use starling_components::random::Key;

impl Network {
    /// The parameters of one replica, `[n]`; `key` is that of (agent, replica, [`starling_components::random::Purpose::Initialise`]).
    pub fn initialise(&self, key: Key) -> Vec<f32> {
        let mut values = vec![0.0; self.layout.len()];
        for (index, (entry, init)) in self.layout.entries.iter().zip(&self.inits).enumerate() {
            let place = &mut values[entry.range()];
            match *init {
                Init::Constant(value) => place.fill(value),
                Init::Orthogonal(gain) => {
                    let outputs = entry.shape.last().copied().unwrap_or(1);
                    orthogonal(key.fold(index as u32, 0), outputs, gain, place);
                }
            }
        }
        values
    }
}

/// Fills `[inputs, outputs]` with `gain` times a uniformly random matrix whose shorter side is orthonormal.
///
/// Gram-Schmidt on independent normals, in `f64`, each vector orthogonalised twice ("twice is enough", Giraud et al. 2005). The diagonal of
/// R is positive, which makes the result uniform.
pub fn orthogonal(key: Key, outputs: usize, gain: f64, out: &mut [f32]) {
    let inputs = out.len().checked_div(outputs).unwrap_or(0);
    let (count, len) = (inputs.min(outputs), inputs.max(outputs));
    let mut vectors: Vec<f64> = (0..count * len)
        .step_by(2)
        .flat_map(|i| normals(key.block(i as u32, 0)).map(f64::from))
        .collect();
    for i in 0..count {
        let (done, rest) = vectors.split_at_mut(i * len);
        let vector = &mut rest[..len];
        for _ in 0..2 {
            for other in done.chunks_exact(len) {
                let dot: f64 = other.iter().zip(&*vector).map(|(a, b)| a * b).sum();
                for (v, o) in vector.iter_mut().zip(other) {
                    *v -= dot * o;
                }
            }
        }
        let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
        for v in vector {
            *v /= norm;
        }
    }
    for (place, slot) in out.iter_mut().enumerate() {
        let (input, output) = (place / outputs, place % outputs);
        let (vector, component) = if inputs >= outputs {
            (output, input)
        } else {
            (input, output)
        };
        *slot = (gain * vectors[vector * len + component]) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_is_orthonormal_times_gain() {
        for (inputs, outputs) in [(4, 64), (64, 64), (7, 3), (1, 5), (30, 1)] {
            let mut w = vec![0.0; inputs * outputs];
            orthogonal(Key::of_seed(5), outputs, 2.0, &mut w);
            let at = |i: usize, j: usize| f64::from(w[i * outputs + j]);
            let count = inputs.min(outputs);
            for a in 0..count {
                for b in 0..count {
                    let dot: f64 = if inputs >= outputs {
                        (0..inputs).map(|k| at(k, a) * at(k, b)).sum()
                    } else {
                        (0..outputs).map(|k| at(a, k) * at(b, k)).sum()
                    };
                    let expected = if a == b { 4.0 } else { 0.0 };
                    assert!((dot - expected).abs() < 1e-5, "{inputs}x{outputs}: <{a},{b}> = {dot}");
                }
            }
        }
    }
}
