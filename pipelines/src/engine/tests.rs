//! The loop: how it ends, and that nothing a system does takes the program down.

use super::{End, Limits, Starling, run_ticks};
use crate::exit::Exit;
use crate::file::layers::{Origin, Overrides};
use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use starling_components::Fault;
use starling_components::clock::Clocks;
use starling_components::schedule::{Tick, TickSet, report};
use starling_components::table::Outbox;

const RANDOM: &str = r#"
name = "test/random"
until = { ticks = 5 }
[environment.e]
rules = "cart_pole"
lanes = 2
seats = ["a"]
[agent.a]
script = "random"
"#;

fn world(starling: &Starling) -> App {
    let origin = Origin::Text {
        name: "random.toml".into(),
        text: RANDOM.into(),
    };
    let pipeline = starling
        .load(&origin, &Overrides::default())
        .unwrap_or_else(|p| panic!("{p}"));
    starling.world(&pipeline).unwrap_or_else(|p| panic!("{p}"))
}

fn ticks_of(app: &mut App) -> u64 {
    let world = app.world_mut();
    world
        .query::<&Clocks>()
        .iter(world)
        .map(|c| c.now.ticks)
        .max()
        .unwrap_or(0)
}

#[test]
fn ticks_until_every_group_is_finished() {
    let mut app = world(&Starling::new());
    let mut seen = 0;
    let end = run_ticks(&mut app, Limits::default(), |_| seen += 1);
    assert!(matches!(end, End::Finished), "{end:?}");
    assert_eq!((seen, ticks_of(&mut app)), (5, 5));
}

#[test]
fn a_limit_ends_as_an_interruption() {
    let mut app = world(&Starling::new());
    let limits = Limits {
        ticks: Some(2),
        ..Limits::default()
    };
    let end = run_ticks(&mut app, limits, |_| {});
    assert!(matches!(end, End::Interrupted), "{end:?}");
    assert_eq!(ticks_of(&mut app), 2);
}

#[test]
fn every_phase_of_every_tick_is_timed() {
    let mut app = world(&Starling::new());
    let mut phases = Vec::new();
    let end = run_ticks(&mut app, Limits::default(), |world| {
        let blocks = &world.resource::<Outbox>().0;
        phases.extend(blocks.iter().filter(|b| b.table.name == "timings").map(|_| ()));
    });
    assert!(matches!(end, End::Finished), "{end:?}");
    // What `record` has not taken yet when the tick is over: its own lap and that of `persist`.
    assert_eq!(phases.len(), 5 * 2);
}

/// A plugin whose system fails in the third tick, in its own way.
#[derive(Clone, Copy)]
enum Breaks {
    Panics,
    Faults,
    LacksItsResource,
}

#[derive(Resource)]
struct Nowhere;

impl Plugin for Breaks {
    fn build(&self, app: &mut App) {
        let third = |clocks: Query<&Clocks>| clocks.iter().any(|c| c.now.ticks == 2);
        match self {
            Self::Panics => {
                let system = || panic!("boom");
                app.add_systems(Tick, system.run_if(third).in_set(TickSet::Collect));
            }
            Self::Faults => {
                let system = || -> Result<(), Vec<Fault>> { Err(vec![Fault::run("wrong").within(["agent", "a"])]) };
                app.add_systems(Tick, system.pipe(report).run_if(third).in_set(TickSet::Collect));
            }
            Self::LacksItsResource => {
                let system = |_: Res<Nowhere>| {};
                app.add_systems(Tick, system.run_if(third).in_set(TickSet::Collect));
            }
        }
    }
}

#[test]
fn a_failing_system_ends_the_run_with_an_error() {
    for (breaks, expected) in [
        (Breaks::Panics, "panicked: boom"),
        (Breaks::Faults, "wrong"),
        (Breaks::LacksItsResource, "Nowhere"),
    ] {
        let mut app = world(&Starling::new().add_plugins(breaks));
        let mut done = 0;
        let end = run_ticks(&mut app, Limits::default(), |_| done += 1);
        let End::Failed(faults) = end else {
            panic!("{expected}: {end:?}");
        };
        assert_eq!((faults.len(), done), (1, 2), "{faults:?}");
        assert!(faults[0].message.contains(expected), "{faults:?}");
        assert!(
            !super::failures::any(),
            "nothing is left for the next world of this thread"
        );
    }
}

#[test]
fn wrong_arguments_and_missing_runs_have_their_exit_codes() {
    let starling = Starling::new();
    for (arguments, expected) in [
        (vec!["starling", "run", "no_such_pipeline"], Exit::BadInput),
        (vec!["starling", "run"], Exit::BadInput),
        (vec!["starling", "fly"], Exit::BadInput),
        (vec!["starling", "show", "/no/such/run"], Exit::Records),
        (vec!["starling", "verify", "/no/such/run"], Exit::Records),
        (vec!["starling", "resume", "/no/such/run"], Exit::Records),
        (
            vec!["starling", "--quiet", "check", "quick", "ppo_cartpole"],
            Exit::Finished,
        ),
        (
            vec!["starling", "check", "quick", "--memory-limit", "1k"],
            Exit::BadInput,
        ),
        (vec!["starling", "--version"], Exit::Finished),
    ] {
        assert_eq!(starling.run(&arguments), expected, "{arguments:?}");
    }
}
