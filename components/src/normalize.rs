//! What an agent that normalises has seen so far: running moments of its observations and of its discounted returns.
//!
//! Data only. `starling-simulate` updates it while it collects and applies it where agents look.

use crate::fault::Fault;
use crate::persist::{Persist, Section, SectionReader, TensorData};
use bevy_ecs::prelude::*;

/// The weight of the first guess (mean 0, variance 1), in rows.
const FIRST_COUNT: f64 = 1e-4;

/// Mean and variance of everything seen, element by element.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// `[width]`.
    pub mean: Vec<f64>,
    /// Divided by the count, `[width]`.
    pub variance: Vec<f64>,
    /// Rows seen, and the weight of the first guess.
    pub count: f64,
}

impl Moments {
    /// The first guess: mean 0, variance 1.
    pub fn new(width: usize) -> Self {
        Self {
            mean: vec![0.0; width],
            variance: vec![1.0; width],
            count: FIRST_COUNT,
        }
    }

    /// Nothing has been seen.
    pub fn is_new(&self) -> bool {
        self.count <= FIRST_COUNT
    }
}

/// One replica's statistics.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaNormalization {
    /// Of observations, one per element.
    pub observations: Moments,
    /// Of running discounted returns, one element.
    pub returns: Moments,
    /// The running discounted return of every row that the agent is trained on, `[lanes, seats]`.
    pub running: Vec<f64>,
}

/// The normalisation of an agent: on the entity of `[agent.x]` where it is asked for. Saved.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Normalization {
    /// Observations are normalised.
    pub observations: bool,
    /// Rewards are normalised.
    pub rewards: bool,
    /// Discount of the running return.
    pub gamma: f64,
    /// Nobody learns, so nothing is counted.
    pub frozen: bool,
    /// `[replicas]`.
    pub replicas: Vec<ReplicaNormalization>,
}

impl Normalization {
    /// Forgets everything seen.
    pub fn reset(&mut self) {
        for replica in &mut self.replicas {
            replica.observations = Moments::new(replica.observations.mean.len());
            replica.returns = Moments::new(replica.returns.mean.len());
            replica.running.fill(0.0);
        }
    }

    fn gathered(&self, part: impl Fn(&ReplicaNormalization) -> &[f64]) -> TensorData {
        TensorData::F64(self.replicas.iter().flat_map(|r| part(r).iter().copied()).collect())
    }

    /// Replicas, elements of an observation, rows of lanes.
    fn sizes(&self) -> (usize, usize, usize) {
        let first = self.replicas.first();
        let width = first.map_or(0, |r| r.observations.mean.len());
        (self.replicas.len(), width, first.map_or(0, |r| r.running.len()))
    }
}

impl Persist for Normalization {
    const SECTION: &'static str = "normalize";

    fn save(&self, section: &mut Section<'_>) {
        let (replicas, width, rows) = self.sizes();
        let mut put = |name: &str, width: usize, data| section.put(name, &[replicas, width], data);
        put("observation_mean", width, self.gathered(|r| &r.observations.mean));
        put(
            "observation_variance",
            width,
            self.gathered(|r| &r.observations.variance),
        );
        put(
            "observation_count",
            1,
            self.gathered(|r| std::slice::from_ref(&r.observations.count)),
        );
        put("return_mean", 1, self.gathered(|r| &r.returns.mean));
        put("return_variance", 1, self.gathered(|r| &r.returns.variance));
        put(
            "return_count",
            1,
            self.gathered(|r| std::slice::from_ref(&r.returns.count)),
        );
        put("running_returns", rows, self.gathered(|r| &r.running));
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        let (replicas, width, rows) = self.sizes();
        let take = |name: &str, width: usize| section.f64(name, &[replicas, width]);
        let observation_mean = take("observation_mean", width)?;
        let observation_variance = take("observation_variance", width)?;
        let observation_count = take("observation_count", 1)?;
        let return_mean = take("return_mean", 1)?;
        let return_variance = take("return_variance", 1)?;
        let return_count = take("return_count", 1)?;
        let running = take("running_returns", rows)?;
        for (index, replica) in self.replicas.iter_mut().enumerate() {
            let part = |width: usize| index * width..(index + 1) * width;
            replica.observations = Moments {
                mean: observation_mean[part(width)].to_vec(),
                variance: observation_variance[part(width)].to_vec(),
                count: observation_count[index],
            };
            replica.returns = Moments {
                mean: return_mean[part(1)].to_vec(),
                variance: return_variance[part(1)].to_vec(),
                count: return_count[index],
            };
            replica.running.copy_from_slice(&running[part(rows)]);
        }
        Ok(())
    }
}
