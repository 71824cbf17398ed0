//! Accounting of episodes: returns while they are played, a row when they end.

use starling_components::fault::Fault;
use starling_components::ranks::{Reader, Writer};
use starling_components::tables::episodes::{Episode, Episodes};

/// Episodes that ended, in order of end step and lane.
#[derive(Debug, Clone, Default)]
pub(crate) struct Finished {
    rows: Vec<FinishedRow>,
    /// `[rows, seats]`.
    returns: Vec<f32>,
    shaped_returns: Vec<f32>,
    /// `[rows, seats]`; empty where seats are fixed.
    chairs: Vec<u16>,
    /// Rows that ended in each step of a rollout; empty where nobody counts steps.
    by_step: Vec<u32>,
    /// Rows of the steps in `by_step`.
    counted: usize,
}

#[derive(Debug, Clone, Copy)]
struct FinishedRow {
    lane: u32,
    episode: u32,
    length: u32,
    truncated: bool,
}

/// One ended episode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended<'a> {
    pub lane: u32,
    pub episode: u32,
    pub length: u32,
    pub truncated: bool,
    /// `[seats]`.
    pub returns: &'a [f32],
    /// `[seats]`.
    pub shaped_returns: &'a [f32],
    /// Who played, `[seats]`; empty where seats are fixed.
    pub chairs: &'a [u16],
}

/// Mean over seats: the return of an episode as metrics and scores count it.
pub(crate) fn seat_mean(returns: &[f32]) -> f64 {
    returns.iter().map(|&r| f64::from(r)).sum::<f64>() / returns.len() as f64
}

impl Finished {
    pub(crate) fn push(&mut self, ended: Ended<'_>) {
        self.rows.push(FinishedRow {
            lane: ended.lane,
            episode: ended.episode,
            length: ended.length,
            truncated: ended.truncated,
        });
        self.returns.extend_from_slice(ended.returns);
        self.shaped_returns.extend_from_slice(ended.shaped_returns);
        self.chairs.extend_from_slice(ended.chairs);
    }

    /// None yet, of a rollout of so many steps.
    pub(crate) fn of_steps(steps: usize) -> Self {
        Self {
            by_step: Vec::with_capacity(steps),
            ..Self::default()
        }
    }

    /// A step of all lanes is over.
    pub(crate) fn end_step(&mut self) {
        self.by_step.push((self.rows.len() - self.counted) as u32);
        self.counted = self.rows.len();
    }

    /// What several processes counted in the same steps of other lanes, put together: by step, and then in the order given.
    pub(crate) fn merged(parts: &[Self]) -> Self {
        let mut merged = Self::default();
        let mut rows: Vec<_> = parts.iter().map(Self::iter).collect();
        for step in 0..parts.iter().map(|part| part.by_step.len()).max().unwrap_or(0) {
            for (part, rows) in parts.iter().zip(&mut rows) {
                let count = part.by_step.get(step).copied().unwrap_or(0);
                rows.take(count as usize).for_each(|ended| merged.push(ended));
            }
            merged.end_step();
        }
        merged
    }

    pub(crate) fn encode(&self, message: &mut Writer) {
        let column = |value: fn(&FinishedRow) -> u32| self.rows.iter().map(value).collect::<Vec<u32>>();
        message.list(&column(|row| row.lane)).list(&column(|row| row.episode));
        message
            .list(&column(|row| row.length))
            .list(&column(|row| u32::from(row.truncated)));
        message.list(&self.returns).list(&self.shaped_returns);
        message.list(&self.chairs).list(&self.by_step);
    }

    pub(crate) fn decode(message: &mut Reader<'_>) -> Result<Self, Fault> {
        let columns: [Vec<u32>; 4] = [message.list()?, message.list()?, message.list()?, message.list()?];
        let [lane, episode, length, truncated] = &columns;
        let rows = lane.iter().zip(episode).zip(length).zip(truncated);
        let rows: Vec<_> = rows
            .map(|(((&lane, &episode), &length), &truncated)| FinishedRow {
                lane,
                episode,
                length,
                truncated: truncated != 0,
            })
            .collect();
        Ok(Self {
            counted: rows.len(),
            rows,
            returns: message.list()?,
            shaped_returns: message.list()?,
            chairs: message.list()?,
            by_step: message.list()?,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Ended<'_>> {
        let seats = self.returns.len().checked_div(self.rows.len()).unwrap_or(0);
        let chairs = self.chairs.len().checked_div(self.rows.len()).unwrap_or(0);
        self.rows.iter().enumerate().map(move |(index, row)| Ended {
            lane: row.lane,
            episode: row.episode,
            length: row.length,
            truncated: row.truncated,
            returns: &self.returns[index * seats..(index + 1) * seats],
            shaped_returns: &self.shaped_returns[index * seats..(index + 1) * seats],
            chairs: &self.chairs[index * chairs..(index + 1) * chairs],
        })
    }

    /// Mean over episodes of the return and of the length; `None` without episodes.
    pub(crate) fn means(&self) -> Option<(f64, f64)> {
        let count = self.len() as f64;
        let returns: f64 = self.iter().map(|e| seat_mean(e.returns)).sum();
        let lengths: f64 = self.iter().map(|e| f64::from(e.length)).sum();
        (self.len() > 0).then(|| (returns / count, lengths / count))
    }

    /// Appends everything to `table`. `seating` names who sat on the chairs of an episode.
    pub(crate) fn write(
        &self,
        table: &mut Episodes,
        tick: u64,
        entity: &str,
        replica: u32,
        seating: impl Fn(&[u16]) -> String,
    ) {
        for ended in self.iter() {
            table.push(&Episode {
                tick,
                entity,
                replica,
                lane: ended.lane,
                episode: ended.episode,
                length: ended.length,
                returns: ended.returns,
                shaped_returns: ended.shaped_returns,
                truncated: ended.truncated,
                seating: &seating(ended.chairs),
            });
        }
    }
}
