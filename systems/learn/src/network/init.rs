//! Initial parameters: orthogonal kernels (Saxe et al. 2014) or LeCun normal ones, constant biases.

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
                Init::OrthogonalBlocks(blocks) => {
                    let outputs = entry.shape.last().copied().unwrap_or(1);
                    let width = outputs.checked_div(blocks).unwrap_or(0);
                    let mut block = vec![0.0; place.len().checked_div(blocks).unwrap_or(0)];
                    for number in 0..blocks {
                        orthogonal(key.fold(index as u32, number as u32), width, 1.0, &mut block);
                        for (row, part) in place.chunks_exact_mut(outputs).zip(block.chunks_exact(width)) {
                            row[number * width..][..width].copy_from_slice(part);
                        }
                    }
                }
                Init::LecunNormal => {
                    let outputs = entry.shape.last().copied().unwrap_or(1);
                    lecun_normal(key.fold(index as u32, 0), outputs, place);
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

/// Standard deviation of a standard normal that is cut off at -2 and 2.
const CUT_OFF: f64 = 0.879_625_661_034_239_8;

/// Fills `[inputs, outputs]` with normals that are cut off at two standard deviations and then have the variance 1 / inputs (LeCun et al.
/// 1998; flax's default).
pub fn lecun_normal(key: Key, outputs: usize, out: &mut [f32]) {
    let inputs = out.len().checked_div(outputs).unwrap_or(0).max(1);
    let scale = 1.0 / (inputs as f64).sqrt() / CUT_OFF;
    for (index, slot) in out.iter_mut().enumerate() {
        // Draws outside are drawn again: 5 % of them. Some draw lies inside.
        let mut tries = (0..).flat_map(|attempt| normals(key.block(index as u32, attempt)));
        let normal = tries.find(|x| x.abs() < 2.0).unwrap_or(0.0);
        *slot = (f64::from(normal) * scale) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lecun_normals_have_the_variance_of_the_inputs_and_an_end() {
        for (inputs, outputs) in [(400, 50), (9, 2000)] {
            let mut w = vec![0.0; inputs * outputs];
            lecun_normal(Key::of_seed(5), outputs, &mut w);
            let n = w.len() as f64;
            let mean = w.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
            let variance = w.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / n;
            let (spread, bound) = ((inputs as f64).sqrt(), 2.0 / CUT_OFF / (inputs as f64).sqrt());
            assert!(mean.abs() * spread < 0.03, "mean {mean}");
            assert!((variance * inputs as f64 - 1.0).abs() < 0.03, "variance {variance}");
            let largest = w.iter().fold(0.0_f64, |most, &x| most.max(f64::from(x).abs()));
            assert!(
                largest <= bound * 1.000_001 && largest > 0.95 * bound,
                "{largest} of {bound}"
            );
        }
    }

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
