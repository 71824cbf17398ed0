//! A pipeline of two ticks in memory, on one thread and on two: what is learnt must be the same, bit for bit.
//!
//! No stored hash: bits are promised per instruction set, and this program does not know which one it will meet.

use super::{Finding, Level};
use crate::engine::{Starling, failures};
use crate::file::layers::{Origin, Overrides};
use crate::problem::Problems;
use bevy_ecs::prelude::*;
use starling_components::persist::{Snapshot, save_world};
use starling_components::schedule::Tick;
use starling_components::{Fault, Faults};

const PIPELINE: &str = r#"
name  = "doctor"
until = { ticks = 2 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room", max_steps = 20 }
lanes = 16
seats = ["chef", "chef"]

[agent.chef]
replicas       = 2
policy         = { layers = ["flatten"], heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 32, epochs = 2, minibatches = 2 }
optimizer.adam = { rate = 1e-3 }
"#;

pub(super) fn run(starling: &Starling) -> Finding {
    let what = "self-test";
    match trained(starling, 1).and_then(|one| Ok((one, trained(starling, 2)?))) {
        Ok((one, two)) if one == two => Finding::fine(
            what,
            format!(
                "two ticks give the same {} tensors on one thread and on two",
                one.tensors.len()
            ),
        ),
        Ok(_) => Finding::new(
            what,
            Level::Broken,
            "two ticks give other numbers on two threads than on one",
        )
        .advise("this build or this machine computes wrongly: do not trust its runs"),
        Err(problems) => {
            Finding::new(what, Level::Broken, problems.plain().trim().to_owned()).advise("this build cannot train here")
        }
    }
}

/// Everything saved of the world after two ticks on `threads` threads.
fn trained(starling: &Starling, threads: usize) -> Result<Snapshot, Problems> {
    let origin = Origin::Text {
        name: "doctor".into(),
        text: PIPELINE.into(),
    };
    let pipeline = starling.load(&origin, &Overrides::default())?;
    let mut app = starling.world(&pipeline)?;
    let world: &mut World = app.world_mut();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| Fault::run(format!("no threads: {e}")))?;
    let (snapshot, faults) = pool.install(|| {
        for _ in 0..2 {
            world.run_schedule(Tick);
        }
        let mut faults = std::mem::take(&mut world.resource_mut::<Faults>().0);
        faults.extend(failures::take());
        (save_world(world), faults)
    });
    if faults.is_empty() {
        return Ok(snapshot);
    }
    Err(pipeline.locate(faults))
}
