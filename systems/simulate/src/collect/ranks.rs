//! What several processes collected from their lanes of one environment, brought together on rank 0: the rows that one process would have
//! written.

use super::{Collected, Recorded};
use crate::episodes::Finished;
use starling_components::fault::Fault;
use starling_components::ranks::{Ranks, Reader, Writer, decode_blocks, encode_blocks, interleave};

/// What all ranks collected, per replica, on rank 0; nothing elsewhere.
///
/// # Errors
/// The first fault of the first rank that has one, on rank 0; a rank is gone.
pub(super) fn gathered(ranks: &Ranks, own: Result<Vec<Collected>, Fault>) -> Result<Vec<Collected>, Fault> {
    let own = own.map(|collected| encode(&collected));
    let all = ranks.gather(own)?;
    let all: Vec<Vec<Collected>> = all.iter().map(|message| decode(message)).collect::<Result<_, _>>()?;
    let replicas = all.first().map_or(0, Vec::len);
    if all.iter().any(|collected| collected.len() != replicas) {
        return Err(Fault::run("the ranks collected different replicas"));
    }
    let mut by_rank: Vec<_> = all.into_iter().map(Vec::into_iter).collect();
    let mut merged = Vec::with_capacity(replicas);
    for _ in 0..replicas {
        let parts: Vec<Collected> = by_rank.iter_mut().filter_map(Iterator::next).collect();
        merged.push(merge(parts)?);
    }
    Ok(merged)
}

fn merge(parts: Vec<Collected>) -> Result<Collected, Fault> {
    let (mut finished, mut last_returns) = (Vec::new(), Vec::new());
    let (mut blocks, mut counts) = (Vec::new(), Vec::new());
    for part in parts {
        finished.push(part.finished);
        last_returns.extend(part.last_returns);
        if let Some(Recorded { rows, by_step }) = part.trajectories {
            blocks.push(rows);
            counts.push(by_step);
        }
    }
    let trajectories = match blocks.is_empty() {
        true => None,
        false => Some(Recorded {
            rows: interleave(blocks, &counts)?,
            by_step: Vec::new(),
        }),
    };
    Ok(Collected {
        finished: Finished::merged(&finished),
        last_returns,
        trajectories,
        laps: None,
    })
}

fn encode(collected: &[Collected]) -> Vec<u8> {
    let mut message = Writer::default();
    message.number(collected.len() as u64);
    for one in collected {
        one.finished.encode(&mut message);
        message.list(&one.last_returns);
        message.number(u64::from(one.trajectories.is_some()));
        if let Some(Recorded { rows, by_step }) = &one.trajectories {
            message.list(by_step);
            message.bytes(&encode_blocks(std::slice::from_ref(rows)));
        }
    }
    message.finish()
}

fn decode(message: &[u8]) -> Result<Vec<Collected>, Fault> {
    let mut message = Reader::new(message);
    let count = message.number()?;
    (0..count)
        .map(|_| {
            let finished = Finished::decode(&mut message)?;
            let last_returns = message.list()?;
            let trajectories = match message.number()? {
                0 => None,
                _ => {
                    let by_step = message.list()?;
                    let rows = decode_blocks(message.bytes()?)?.pop();
                    rows.map(|rows| Recorded { rows, by_step })
                }
            };
            Ok(Collected {
                finished,
                last_returns,
                trajectories,
                laps: None,
            })
        })
        .collect()
}
