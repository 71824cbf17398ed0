//! Evolution strategies in the order of Salimans et al. (2017), algorithm 2: every process knows all noise, so only scores travel.
//!
//! The noise of a pair of mirrored members is a function of (seed, evolution, replica, generation, pair). The gradient is added up pair by pair,
//! in their order, for every parameter by itself, so that neither threads nor processes change a bit.

use super::StrategyContext;
use crate::distribution::gaussian::normals;
use crate::network::field_key;
use rayon::prelude::*;
use starling_components::evolve::{Generation, Strategy};
use starling_components::fault::Fault;
use starling_components::random::Key;
use starling_components::strategies::open_es::OpenEsSettings;

/// Parameters that one thread adds up at a time. Even, because normal numbers come in pairs.
const CHUNK: usize = 1024;

/// Folded into keys of noise.
const NOISE: u32 = 0x4E4F_4953;

/// Evolution strategies of one evolution.
#[derive(Debug, Clone)]
pub struct OpenEs(OpenEsSettings);

impl OpenEs {
    /// The builder of the kind `open_es`.
    ///
    /// # Errors
    /// A population that has no mirror image, a deviation or decay that is none.
    pub fn build(settings: &OpenEsSettings, context: StrategyContext) -> Result<Box<dyn Strategy>, Fault> {
        let population = settings.population;
        if population < 2 || !population.is_multiple_of(2) {
            let fault = Fault::pipeline(format!(
                "members come in pairs of mirror images, a population of {population} does not"
            ));
            return Err(fault.advise("choose an even number").within(["population"]));
        }
        if let Some(problem) = settings.sigma.problem(context.first_replica, context.replicas) {
            return Err(Fault::pipeline(problem).within(["sigma"]));
        }
        if !settings.weight_decay.is_finite() || settings.weight_decay < 0.0 {
            return Err(Fault::pipeline("`weight_decay` must not be negative").within(["weight_decay"]));
        }
        Ok(Box::new(Self(settings.clone())))
    }

    fn sigma(&self, generation: &Generation) -> f64 {
        let key = field_key(generation.key, "strategy.sigma");
        self.0.sigma.at(&generation.clocks, generation.replica, key)
    }
}

fn noise_key(generation: &Generation, pair: usize) -> Key {
    let number = generation.number;
    let key = generation.key.fold(number as u32, (number >> 32) as u32);
    key.fold(pair as u32, NOISE)
}

/// Calls `f` with the place and the noise of each of `count` parameters from the even `first` on.
fn each_noise(key: Key, first: usize, count: usize, mut f: impl FnMut(usize, f32)) {
    for place in (0..count).step_by(2) {
        let [one, two] = normals(key.block(((first + place) / 2) as u32, 0));
        f(place, one);
        if place + 1 < count {
            f(place + 1, two);
        }
    }
}

impl Strategy for OpenEs {
    fn population(&self) -> usize {
        self.0.population
    }

    fn member(&self, parameters: &[f32], generation: &Generation, member: usize, out: &mut [f32]) {
        let sigma = self.sigma(generation) as f32;
        let signed = if member.is_multiple_of(2) { sigma } else { -sigma };
        let key = noise_key(generation, member / 2);
        each_noise(key, 0, out.len(), |i, noise| out[i] = parameters[i] + signed * noise);
    }

    fn gradient(
        &self,
        parameters: &[f32],
        generation: &Generation,
        scores: &[f64],
        gradient: &mut [f32],
    ) -> Result<Vec<(String, f64)>, Fault> {
        let sigma = self.sigma(generation);
        if !(sigma.is_finite() && sigma > 0.0) {
            return Err(
                Fault::run(format!("members cannot lie {sigma} standard deviations apart"))
                    .advise("`sigma` must stay positive"),
            );
        }
        if scores.iter().any(|score| !score.is_finite()) {
            return Err(Fault::run("the score of a member is not a finite number")
                .advise("look at the environment's rewards, or evolve with a smaller `sigma`"));
        }
        let ranks = centred_ranks(scores);
        // Of the two members of a pair only the difference counts: they lie on opposite sides.
        let weights: Vec<f32> = ranks.chunks_exact(2).map(|pair| (pair[0] - pair[1]) as f32).collect();
        let scale = 1.0 / (scores.len() as f64 * sigma);
        let decay = self.0.weight_decay as f32;
        gradient
            .par_chunks_mut(CHUNK)
            .zip(parameters.par_chunks(CHUNK))
            .enumerate()
            .for_each(|(chunk, (gradient, parameters))| {
                gradient.fill(0.0);
                for (pair, &weight) in weights.iter().enumerate() {
                    let key = noise_key(generation, pair);
                    each_noise(key, chunk * CHUNK, gradient.len(), |i, noise| {
                        gradient[i] += weight * noise
                    });
                }
                for (g, &x) in gradient.iter_mut().zip(parameters) {
                    *g = decay * x - scale as f32 * *g;
                }
            });
        Ok(vec![("sigma".to_owned(), sigma)])
    }
}

/// Ranks from -1/2 for the worst to 1/2 for the best; equal scores share the mean of theirs.
fn centred_ranks(scores: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(a.cmp(&b)));
    let most = (scores.len() - 1).max(1) as f64;
    let mut ranks = vec![0.0; scores.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let mean = first as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|&member| ranks[member] = mean / most - 0.5);
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_components::clock::Clocks;
    use starling_components::quantity::Quantity;

    fn strategy(population: usize, sigma: f64) -> OpenEs {
        OpenEs(OpenEsSettings {
            population,
            sigma: Quantity::Constant(sigma),
            weight_decay: 0.0,
        })
    }

    fn generation(number: u64) -> Generation {
        Generation {
            clocks: Clocks::default(),
            number,
            replica: 0,
            key: Key::of_seed(3),
        }
    }

    fn members(strategy: &OpenEs, parameters: &[f32], generation: &Generation) -> Vec<Vec<f32>> {
        let member = |index| {
            let mut out = vec![0.0; parameters.len()];
            strategy.member(parameters, generation, index, &mut out);
            out
        };
        (0..strategy.population()).map(member).collect()
    }

    #[test]
    fn equal_scores_share_their_ranks() {
        assert_eq!(centred_ranks(&[5.0, 1.0, 3.0]), [0.5, -0.5, 0.0]);
        assert_eq!(centred_ranks(&[2.0, 2.0, 1.0, 9.0, 2.0]), [0.0, 0.0, -0.5, 0.5, 0.0]);
        assert_eq!(centred_ranks(&[4.0, 4.0]), [0.0, 0.0]);
    }

    #[test]
    fn members_are_mirror_images_in_fresh_noise() {
        let (strategy, parameters) = (strategy(4, 0.5), vec![1.0; 7]);
        let one = members(&strategy, &parameters, &generation(1));
        for pair in one.chunks_exact(2) {
            let centre = pair[0].iter().zip(&pair[1]).map(|(a, b)| (a + b) / 2.0);
            assert!(centre.zip(&parameters).all(|(c, &p)| (c - p).abs() < 1e-6));
        }
        assert_ne!(one[0], one[2]);
        assert_ne!(one, members(&strategy, &parameters, &generation(2)));
        assert_ne!(one, members(&strategy, &parameters, &generation(1 << 32 | 1)));
    }

    /// The gradient is what the published formula gives from the members themselves.
    #[test]
    fn the_gradient_is_the_weighted_noise() {
        let (strategy, parameters) = (strategy(6, 0.25), vec![0.5; 3001]);
        let all = members(&strategy, &parameters, &generation(9));
        let scores: Vec<f64> = all.iter().map(|x| f64::from(x[0] - 2.0 * x[3000])).collect();
        let mut gradient = vec![0.0; parameters.len()];
        strategy
            .gradient(&parameters, &generation(9), &scores, &mut gradient)
            .expect("finite scores");
        let ranks = centred_ranks(&scores);
        for i in [0, 1, 1023, 1024, 3000] {
            let noise = |member: usize| f64::from(all[member][i] - parameters[i]) / 0.25;
            let sum: f64 = (0..6).map(|member| ranks[member] * noise(member)).sum();
            let expected = -sum / (6.0 * 0.25);
            assert!(
                (f64::from(gradient[i]) - expected).abs() < 1e-5,
                "{i}: {} {expected}",
                gradient[i]
            );
        }
    }

    #[test]
    fn scores_of_a_slope_point_up_it() {
        let (strategy, parameters) = (strategy(64, 0.1), vec![0.0; 5]);
        let all = members(&strategy, &parameters, &generation(1));
        let scores: Vec<f64> = all.iter().map(|x| f64::from(x[1])).collect();
        let mut gradient = vec![0.0; 5];
        strategy
            .gradient(&parameters, &generation(1), &scores, &mut gradient)
            .expect("finite scores");
        assert!(gradient[1] < 0.0, "an optimiser goes against the gradient");
        assert!((0..5).all(|i| gradient[i].abs() <= gradient[1].abs()), "{gradient:?}");
        let told = strategy.gradient(&parameters, &generation(1), &[f64::NAN; 64], &mut gradient);
        assert!(told.is_err());
    }
}
