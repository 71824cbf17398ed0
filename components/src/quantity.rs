//! A number in a pipeline: a constant, a schedule on a named clock, a draw per replica, or one value per replica.

use crate::EntityName;
use crate::clock::{ClockName, Clocks};
use crate::random::{Key, Purpose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number that may change over time or between replicas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Quantity {
    /// The same number always.
    Constant(f64),
    /// One value per replica, indexed by the replica's number: replica 3 alone reads entry 3.
    PerReplica(Vec<f64>),
    /// Changes over time, or is drawn once per replica.
    Varying(Varying),
}

/// A schedule on a named clock or a draw. Exactly one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Varying {
    /// A straight line, constant after its end.
    Linear(Linear),
    /// A straight line up, then half a cosine down to zero.
    WarmupCosine(WarmupCosine),
    /// Constant pieces.
    Piecewise(Piecewise),
    /// Drawn once per replica, uniform in [low, high).
    Uniform([f64; 2]),
    /// Drawn once per replica, uniform in the logarithm, in [low, high); both positive.
    LogUniform([f64; 2]),
    /// Drawn once per replica, each entry with equal probability.
    Choice(Vec<f64>),
    /// The product of several numbers, e.g. of a list with one value per replica and a schedule.
    Product(Vec<Quantity>),
}

/// `from` at clock 0, `to` at clock `over` and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Value at the start.
    pub from: f64,
    /// Value at the end.
    pub to: f64,
    /// Length on the clock; the whole stage if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<f64>,
    /// The clock; `updates` if absent.
    #[serde(default)]
    pub clock: ClockName,
}

/// 0 to `peak` over the first `warmup` (a fraction) of the stage, then `peak` to 0 by half a cosine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmupCosine {
    /// Largest value.
    pub peak: f64,
    /// Fraction of the stage's updates spent rising; whole updates only, as in the reference.
    pub warmup: f64,
    /// The clock; `gradient_steps` if absent.
    #[serde(default = "gradient_steps")]
    pub clock: ClockName,
}

fn gradient_steps() -> ClockName {
    ClockName::GradientSteps
}

/// `values[i]` from clock `from[i]` on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Piecewise {
    /// Rising clock values; the first is 0.
    pub from: Vec<f64>,
    /// As many values.
    pub values: Vec<f64>,
    /// The clock; `updates` if absent.
    #[serde(default)]
    pub clock: ClockName,
}

/// The key of a number in an agent's tables, so that two drawn numbers differ: from the agent's key and the number's name.
pub fn field_key(agent: Key, field: &str) -> Key {
    agent.entity(&EntityName::new("field", field))
}

impl From<f64> for Quantity {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl Quantity {
    /// The value for `replica` at the time `clocks` shows. `key` is the key of the entity and the field: draws depend on it
    /// and on the replica only.
    ///
    /// Computed in `f64`; a schedule whose stage has no end keeps its first value.
    pub fn at(&self, clocks: &Clocks, replica: u32, key: Key) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::PerReplica(values) => values.get(replica as usize).copied().unwrap_or(f64::NAN),
            Self::Varying(varying) => varying.at(clocks, replica, key),
        }
    }

    /// What is wrong with this quantity for the replicas `first..first + count`, if anything.
    pub fn problem(&self, first: u32, count: u32) -> Option<String> {
        let needed = (first + count) as usize;
        match self {
            Self::PerReplica(values) if values.len() < needed => Some(format!(
                "a list with one value per replica needs {needed} values, this one has {}",
                values.len()
            )),
            Self::Varying(Varying::Piecewise(p))
                if p.from.len() != p.values.len()
                    || p.from.first() != Some(&0.0)
                    || p.from.windows(2).any(|w| w[0] >= w[1]) =>
            {
                Some("`from` must start at 0, rise, and have as many entries as `values`".into())
            }
            Self::Varying(Varying::Choice(values)) if values.is_empty() => {
                Some("`choice` needs at least one value".into())
            }
            Self::Varying(Varying::LogUniform([low, high])) if !(*low > 0.0 && high > low) => {
                Some("`log_uniform` needs 0 < low < high".into())
            }
            Self::Varying(Varying::Uniform([low, high])) if low >= high => Some("`uniform` needs low < high".into()),
            Self::Varying(Varying::WarmupCosine(w)) if !(0.0..1.0).contains(&w.warmup) => {
                Some("`warmup` is a fraction of the stage: at least 0 and below 1".into())
            }
            Self::Varying(Varying::Product(factors)) => match factors.is_empty() {
                true => Some("`product` needs at least one factor".into()),
                false => factors.iter().find_map(|factor| factor.problem(first, count)),
            },
            _ => None,
        }
    }
}

impl Varying {
    fn at(&self, clocks: &Clocks, replica: u32, key: Key) -> f64 {
        let unit = || {
            let [a, b] = key.purpose(Purpose::Quantity).block(replica, 0);
            // 53 bits from two words.
            ((u64::from(a) << 21) ^ (u64::from(b) >> 11)) as f64 / (1_u64 << 53) as f64
        };
        match self {
            Self::Linear(line) => {
                let over = line.over.unwrap_or(clocks.total.get(line.clock) as f64);
                if over <= 0.0 {
                    return line.from;
                }
                let done = (clocks.now.get(line.clock) as f64 / over).min(1.0);
                line.from + (line.to - line.from) * done
            }
            Self::WarmupCosine(w) => w.at(clocks),
            Self::Piecewise(p) => {
                let now = clocks.now.get(p.clock) as f64;
                let piece = p.from.iter().rposition(|&from| from <= now).unwrap_or(0);
                p.values.get(piece).copied().unwrap_or(f64::NAN)
            }
            Self::Uniform([low, high]) => low + (high - low) * unit(),
            Self::LogUniform([low, high]) => {
                // The f32 functions of our own module: the same bits everywhere, and a draw needs no more digits.
                let (low, high) = (
                    f64::from(crate::maths::ln(*low as f32)),
                    f64::from(crate::maths::ln(*high as f32)),
                );
                f64::from(crate::maths::exp((low + (high - low) * unit()) as f32))
            }
            Self::Choice(values) => values
                .get((unit() * values.len() as f64) as usize)
                .copied()
                .unwrap_or(f64::NAN),
            Self::Product(factors) => {
                // Two drawn factors draw apart.
                let own = |index: usize| key.fold(index as u32, 0x5052_4f44);
                let factors = factors.iter().enumerate();
                factors
                    .map(|(index, factor)| factor.at(clocks, replica, own(index)))
                    .product()
            }
        }
    }
}

impl WarmupCosine {
    /// As in the OvercookedV2 baseline: `warmup` of the updates, rounded down to whole updates, rise linearly from 0; the
    /// rest falls by half a cosine to 0.
    fn at(&self, clocks: &Clocks) -> f64 {
        let total = clocks.total.get(self.clock) as f64;
        if total <= 0.0 {
            return self.peak;
        }
        let updates = clocks.total.updates.max(1) as f64;
        let rise = (self.warmup * updates).floor() * (total / updates);
        let now = (clocks.now.get(self.clock) as f64).min(total);
        if now < rise {
            return self.peak * now / rise;
        }
        let phase = (now - rise) / (total - rise).max(1.0);
        self.peak * 0.5 * (1.0 + f64::from(crate::maths::cos((std::f64::consts::PI * phase) as f32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ClockValues;

    fn clocks(now: u64, total: u64) -> Clocks {
        let all = |v| ClockValues {
            env_steps: v,
            updates: v,
            gradient_steps: v,
            ticks: v,
            epochs: v,
        };
        Clocks {
            now: all(now),
            total: all(total),
            ..Clocks::default()
        }
    }

    fn check(json: &str, now: u64, replica: u32, expected: f64) {
        let quantity: Quantity = serde_json::from_str(json).unwrap();
        let value = quantity.at(&clocks(now, 100), replica, Key::of_seed(0));
        assert!(
            (value - expected).abs() < 1e-7,
            "{json} at {now}: {value}, expected {expected}"
        );
    }

    #[test]
    fn forms() {
        check("0.5", 10, 0, 0.5);
        check("[1.0, 2.0]", 10, 1, 2.0);
        check(r#"{"linear": {"from": 1.0, "to": 0.0}}"#, 25, 0, 0.75);
        check(r#"{"linear": {"from": 1.0, "to": 0.0, "over": 50.0}}"#, 80, 0, 0.0);
        check(r#"{"warmup_cosine": {"peak": 2.0, "warmup": 0.1}}"#, 5, 0, 1.0);
        check(r#"{"warmup_cosine": {"peak": 2.0, "warmup": 0.1}}"#, 55, 0, 1.0);
        check(r#"{"warmup_cosine": {"peak": 2.0, "warmup": 0.1}}"#, 100, 0, 0.0);
        check(
            r#"{"piecewise": {"from": [0.0, 10.0], "values": [3.0, 4.0]}}"#,
            10,
            0,
            4.0,
        );
    }

    #[test]
    fn products() {
        check(
            r#"{"product": [[1.0, 2.0], {"linear": {"from": 1.0, "to": 0.0}}]}"#,
            25,
            1,
            1.5,
        );
        let problem = |json: &str| {
            let quantity: Quantity = serde_json::from_str(json).unwrap();
            quantity.problem(0, 3)
        };
        assert!(problem(r#"{"product": [[1.0, 2.0], 3.0]}"#).is_some_and(|p| p.contains("needs 3 values")));
        assert!(problem(r#"{"product": []}"#).is_some());
        assert_eq!(problem(r#"{"product": [[1.0, 2.0, 5.0], 3.0]}"#), None);
        let drawn: Quantity =
            serde_json::from_str(r#"{"product": [{"uniform": [1.0, 2.0]}, {"uniform": [1.0, 2.0]}]}"#).unwrap();
        let root = drawn.at(&clocks(0, 100), 0, Key::of_seed(1)).sqrt();
        let one: Quantity = serde_json::from_str(r#"{"uniform": [1.0, 2.0]}"#).unwrap();
        let draws = [0, 1].map(|index| one.at(&clocks(0, 100), 0, Key::of_seed(1).fold(index, 0x5052_4f44)));
        assert!((root * root - draws[0] * draws[1]).abs() < 1e-9 && draws[0] != draws[1]);
    }

    #[test]
    fn a_draw_depends_on_key_and_replica_only() {
        let quantity: Quantity = serde_json::from_str(r#"{"log_uniform": [0.001, 0.1]}"#).unwrap();
        let at = |now, replica| quantity.at(&clocks(now, 100), replica, Key::of_seed(1));
        assert_eq!(at(0, 3), at(70, 3));
        assert_ne!(at(0, 3), at(0, 4));
        assert!((0.001..0.1001).contains(&at(0, 3)));
    }
}
