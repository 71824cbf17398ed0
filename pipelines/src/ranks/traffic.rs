//! What the processes of a run said to each other in a tick, as rows of `messages`.

use bevy_app::App;
use bevy_ecs::prelude::*;
use starling_components::clock::Clocks;
use starling_components::ranks::{Ranks, Reader, Writer};
use starling_components::schedule::{Tick, TickSet, report};
use starling_components::table::Outbox;
use starling_components::tables::messages::Messages;
use starling_components::{Fault, Faults};

/// What this rank had sent when the last tick was told.
#[derive(Resource, Debug, Default)]
pub(crate) struct Told {
    messages: u64,
    bytes: u64,
}

pub(crate) fn add(app: &mut App) {
    app.init_resource::<Told>();
    app.add_systems(Tick, tell.pipe(report).after(TickSet::Evaluate).before(TickSet::Record));
}

fn tell(
    ranks: Res<'_, Ranks>,
    faults: Res<'_, Faults>,
    clocks: Query<'_, '_, &Clocks>,
    mut told: ResMut<'_, Told>,
    mut outbox: ResMut<'_, Outbox>,
) -> Result<(), Vec<Fault>> {
    // A fault is everyone's, so everyone leaves here.
    if !ranks.several() || !faults.0.is_empty() {
        return Ok(());
    }
    let (messages, bytes) = ranks.sent();
    let mut own = Writer::default();
    own.number(messages - told.messages).number(bytes - told.bytes);
    *told = Told { messages, bytes };
    let all = ranks.gather(Ok(own.finish())).map_err(|fault| vec![fault])?;
    let tick = clocks.iter().map(Clocks::tick).max().unwrap_or(0);
    let mut rows = Messages::default();
    for (rank, message) in all.iter().enumerate() {
        let mut reader = Reader::new(message);
        let mut next = || reader.number().map_err(|fault| vec![fault]);
        rows.push(tick, rank as u32, next()?, next()?);
    }
    if !all.is_empty() {
        outbox.0.push(rows.into_block());
    }
    Ok(())
}
