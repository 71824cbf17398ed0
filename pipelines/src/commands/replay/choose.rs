//! Which of the recorded episodes.

use super::ReplayArgs;
use crate::commands::Context;
use crate::commands::records::Summary;
use serde_json::{Value, json};
use starling_components::Fault;
use starling_record::steps::EpisodeKey;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Leaves the episodes that are asked for.
pub(super) fn filter(episodes: &mut BTreeMap<EpisodeKey, Summary>, args: &ReplayArgs) {
    let seating = args.seating.as_ref().map(|seating| seating.replace(' ', ""));
    episodes.retain(|id, summary| {
        args.entity.as_ref().is_none_or(|entity| *entity == id.entity)
            && args.replica.is_none_or(|replica| replica == id.replica)
            && args.lane.is_none_or(|lane| lane == id.lane)
            && args.episode.is_none_or(|episode| episode == id.episode)
            && args.tick.is_none_or(|tick| tick == id.tick)
            && seating.as_ref().is_none_or(|seating| *seating == summary.seating)
    });
}

/// An evaluation's last, lowest replica first; else the last training episode that ended.
pub(super) fn choose(episodes: &BTreeMap<EpisodeKey, Summary>) -> Result<(&EpisodeKey, &Summary), Fault> {
    let evaluation = |id: &EpisodeKey| id.entity.starts_with("evaluate.");
    let last = episodes.keys().filter(|id| evaluation(id)).map(|id| id.tick).max();
    let evaluated = episodes.iter().find(|(id, _)| evaluation(id) && Some(id.tick) == last);
    let trained = || episodes.iter().rfind(|(_, summary)| summary.ended);
    evaluated.or_else(trained).or_else(|| episodes.iter().next()).ok_or_else(|| {
        Fault::pipeline("no such episode is recorded").advise(
            "`--list` tells which are; evaluations record their first episodes, `record.trajectories = { every = 10 }` records training; \
             `--fresh` plays a new one",
        )
    })
}

pub(super) fn list(context: Context, episodes: &BTreeMap<EpisodeKey, Summary>) {
    if context.json {
        let rows = episodes.iter().map(|(id, s)| {
            json!({
                "entity": id.entity, "tick": id.tick, "replica": id.replica, "lane": id.lane, "episode": id.episode,
                "seating": s.seating, "steps": s.steps, "return": s.total, "ended": s.ended,
            })
        });
        return context.data(&format!("{:#}\n", Value::Array(rows.collect())));
    }
    let header = ["tick", "replica", "lane", "episode", "steps", "return"]
        .map(|h| format!("{h:>9}"))
        .concat();
    let mut text = format!("{:<28}{header}  seating\n", "entity");
    for (id, summary) in episodes {
        let tick = if id.tick > 0 {
            id.tick.to_string()
        } else {
            String::new()
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:<28}{tick:>9}{:>9}{:>9}{:>9}{:>9}{:>9.2}  {}{}",
            id.entity,
            id.replica,
            id.lane,
            id.episode,
            summary.steps,
            summary.total,
            summary.seating,
            if summary.ended { "" } else { " (unfinished)" }
        );
    }
    context.data(&text);
}
