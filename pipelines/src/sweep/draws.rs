//! Values that a sweep draws: draw n of a key is a function of the file's seed, the key and n.

use super::{Point, Setting, leaves};
use serde_json::{Number, Value};
use starling_components::clock::Clocks;
use starling_components::quantity::{Quantity, Varying};
use starling_components::random::{Key, Purpose, below};
use starling_components::specs::SweepSpec;
use starling_components::{EntityName, Fault};

/// What a key is drawn from.
enum Distribution {
    /// As numbers of a pipeline are drawn per replica.
    Number(Quantity),
    /// Both ends included.
    Integer(i64, i64),
    /// Values of any kind, all equally likely.
    Choice(Vec<Value>),
}

const NAMES: [&str; 4] = ["uniform", "log_uniform", "integer", "choice"];

/// One choice per draw; none where nothing is drawn.
///
/// # Errors
/// Every mistake, with keys below `[sweep]`.
pub(super) fn drawn(spec: &SweepSpec, seed: u64) -> Result<Option<Vec<Point>>, Vec<Fault>> {
    let (mut keys, mut faults) = (Vec::new(), Vec::new());
    for (path, value) in leaves(&spec.draw, &is_distribution) {
        match distribution(value) {
            Ok(distribution) => keys.push((path, distribution)),
            Err(fault) => faults.push(fault.within(path.iter().map(String::as_str)).within(["draw"])),
        }
    }
    match (spec.draws, spec.draw.is_empty()) {
        (None, true) => return Ok(None),
        (None, false) => {
            let fault = Fault::pipeline("`draw` does not say how often").advise("e.g. `draws = 20`");
            faults.push(fault.within(["draw"]));
        }
        (Some(_), true) => {
            let fault = Fault::pipeline("there is nothing to draw").advise("say what in `draw`");
            faults.push(fault.within(["draws"]));
        }
        (Some(_), false) => {}
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let draw = |n: u32| {
        let setting = |(path, distribution): &(Vec<String>, Distribution)| Setting {
            path: path.clone(),
            written: [&["draw".to_owned()], &path[..]].concat(),
            value: distribution.value(key(seed, path), n),
            replace: false,
        };
        keys.iter().map(setting).collect()
    };
    Ok(Some((0..spec.draws.unwrap_or(0)).map(draw).collect()))
}

fn key(seed: u64, path: &[String]) -> Key {
    Key::of_seed(seed).entity(&EntityName::new("sweep", path.join(".")))
}

fn is_distribution(value: &Value) -> bool {
    let Some(table) = value.as_object() else { return true };
    table.len() == 1
        && table
            .iter()
            .all(|(name, value)| NAMES.contains(&name.as_str()) && value.is_array())
}

fn distribution(value: &Value) -> Result<Distribution, Fault> {
    let wrong = || {
        Fault::pipeline("expected a distribution")
            .advise("`{ uniform = [low, high] }`, `{ log_uniform = [low, high] }`, `{ integer = [low, high] }` or `{ choice = [...] }`")
    };
    let (name, list) = value
        .as_object()
        .and_then(|table| table.iter().next())
        .ok_or_else(wrong)?;
    let list = list.as_array().ok_or_else(wrong)?;
    let ends = |what: &str| {
        let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
        match numbers.as_deref() {
            Some([low, high]) => Ok([*low, *high]),
            _ => Err(Fault::pipeline(format!("`{what}` needs two numbers: low and high"))),
        }
    };
    let number = |varying: Varying| {
        let quantity = Quantity::Varying(varying);
        match quantity.problem(0, 1) {
            None => Ok(Distribution::Number(quantity)),
            Some(problem) => Err(Fault::pipeline(problem)),
        }
    };
    match name.as_str() {
        "uniform" => number(Varying::Uniform(ends("uniform")?)),
        "log_uniform" => number(Varying::LogUniform(ends("log_uniform")?)),
        "integer" => match list.iter().map(Value::as_i64).collect::<Option<Vec<_>>>().as_deref() {
            Some([low, high]) if low <= high && high.abs_diff(*low) < u64::from(u32::MAX) => {
                Ok(Distribution::Integer(*low, *high))
            }
            _ => Err(Fault::pipeline(
                "`integer` needs two integers, the smaller one first, less than 2^32 apart",
            )),
        },
        "choice" if list.is_empty() => Err(Fault::pipeline("`choice` needs at least one value")),
        "choice" => Ok(Distribution::Choice(list.clone())),
        _ => Err(wrong()),
    }
}

impl Distribution {
    fn value(&self, key: Key, n: u32) -> Value {
        let word = || key.purpose(Purpose::Quantity).block(n, 0)[0];
        match self {
            Self::Number(quantity) => {
                let number = Number::from_f64(quantity.at(&Clocks::default(), n, key));
                number.map_or(Value::Null, Value::Number)
            }
            // The span is below 2^32, see `distribution`.
            Self::Integer(low, high) => (low + i64::from(below(word(), (high - low) as u32 + 1))).into(),
            Self::Choice(values) => values[below(word(), values.len() as u32) as usize].clone(),
        }
    }
}
