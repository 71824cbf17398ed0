//! The start of a run that several processes share: pipeline and state come from rank 0.

use crate::commands::ResourceArgs;
use crate::engine::{End, Limits, Signals, Starling, run_ticks};
use crate::exit::Exit;
use crate::file::Pipeline;
use crate::file::layers::Origin;
use crate::problem::Problems;
use bevy_app::App;
use bevy_ecs::world::World;
use starling_components::Fault;
use starling_components::fault::FaultKind;
use starling_components::ranks::Ranks;

/// Rank 0 hands out the pipeline that it has built a world from, or says that there is none.
///
/// # Errors
/// What was wrong with the pipeline, here or on another rank.
pub(crate) fn share_pipeline(
    ranks: &Ranks,
    built: Result<(Pipeline, App), Problems>,
) -> Result<(Pipeline, App), Problems> {
    if !ranks.several() {
        return built;
    }
    let told = ranks.broadcast(|| match &built {
        Ok((pipeline, _)) => Ok(pipeline.text().into_bytes()),
        Err(problems) => Err(quiet(problems.kind())),
    });
    let (pipeline, app) = built?;
    told?;
    ranks.agree(Ok(()))?;
    Ok((pipeline, app))
}

/// Rank 0 hands out everything saved of `world`, or says why it could not begin.
///
/// # Errors
/// What `started` says; a rank could not take it in.
pub(crate) fn share_state(ranks: &Ranks, world: &mut World, started: Result<(), Fault>) -> Result<(), Fault> {
    if !ranks.several() {
        return started;
    }
    let packed = started.and_then(|()| starling_record::checkpoint::pack(world));
    ranks.broadcast(|| packed)?;
    ranks.agree(Ok(()))
}

/// Takes part in a run as another rank than 0. What goes wrong is said there.
pub(crate) fn follow(starling: &Starling, resources: &ResourceArgs, ranks: &Ranks) -> Exit {
    let of = |fault: &Fault| Exit::of(&Problems::from(fault.clone()));
    let text = match ranks.broadcast(|| Ok(Vec::new())) {
        Ok(text) => text,
        Err(fault) => return of(&fault),
    };
    let built = build(starling, &text, resources, ranks);
    let own = built.as_ref().map(drop).map_err(|problems| {
        let message = format!("rank {} cannot take part: {problems}", ranks.rank());
        Fault::new(problems.kind(), message)
    });
    let (Ok(()), Ok(mut app)) = (ranks.agree(own), built) else {
        return Exit::Failed;
    };
    // A launcher passes signals on to everyone, and rank 0 decides what comes of them.
    let listening = Signals::listen();
    let state = match ranks.broadcast(|| Ok(Vec::new())) {
        Ok(state) => state,
        Err(fault) => return of(&fault),
    };
    let taken = starling_record::checkpoint::unpack(app.world_mut(), &state);
    if let Err(fault) = ranks.agree(taken.and(listening.map(drop))) {
        return of(&fault);
    }
    match run_ticks(&mut app, Limits::default(), |_| {}) {
        End::Finished => Exit::Finished,
        End::Interrupted => Exit::Interrupted,
        End::Failed(faults) => faults.first().map_or(Exit::Failed, of),
    }
}

fn build(starling: &Starling, text: &[u8], resources: &ResourceArgs, ranks: &Ranks) -> Result<App, Problems> {
    let text = String::from_utf8(text.to_vec()).map_err(|_| Fault::run("rank 0 sent a pipeline that is no text"))?;
    let origin = Origin::Text {
        name: "the pipeline of rank 0".to_owned(),
        text,
    };
    let pipeline = starling.load_to_read(&origin)?;
    let app = starling.world_among(&pipeline, ranks)?;
    resources.check_memory(&app)?;
    Ok(app)
}

/// A fault that the others end with, without a word.
fn quiet(kind: FaultKind) -> Fault {
    Fault::new(kind, "rank 0 could not begin")
}
