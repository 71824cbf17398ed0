//! The cells of a run's evaluations: what `matches` and `events` hold of each evaluation's last moment.

use starling_components::Fault;
use starling_record::Run;
use starling_record::read::{Columns, read_table};
use std::collections::BTreeMap;

/// One cell: the same replicas in the same seats.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// `agent:replica` of each seat, comma-separated.
    pub(super) seating: String,
    /// The agent in each seat.
    pub(super) agents: Vec<String>,
    /// The number of its replica.
    pub(super) replicas: Vec<u32>,
    /// Episodes played.
    pub(super) episodes: u32,
    /// Mean, standard deviation, lowest and highest return of an episode, and its mean length.
    pub(super) scores: [f64; 5],
    /// Mean task return of each seat.
    pub(super) seat_returns: Vec<f32>,
    /// Mean shaped return of each seat.
    pub(super) seat_shaped: Vec<f32>,
    /// Times per episode of each event, by seat.
    pub(super) events: BTreeMap<String, Vec<f64>>,
}

impl Cell {
    /// The mean return.
    pub(super) fn mean(&self) -> f64 {
        self.scores[0]
    }
}

/// Names of [`Cell::scores`].
pub(super) const SCORES: [&str; 5] = ["return_mean", "return_std", "return_min", "return_max", "length_mean"];

/// The cells of one evaluation at its last moment, in the order of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Matches {
    /// Completed ticks.
    pub(super) tick: u64,
    /// The cells.
    pub(super) cells: Vec<Cell>,
    /// Names of the events, in the environment's order.
    pub(super) events: Vec<String>,
}

/// Every evaluation's last cells, by entity.
pub(super) fn last(run: &Run) -> Result<BTreeMap<String, Matches>, Fault> {
    let mut found: BTreeMap<String, Matches> = BTreeMap::new();
    for batch in read_table(run, "matches") {
        let batch = batch?;
        let columns = Columns(&batch);
        let (entity, seating, tick) = (columns.text("entity")?, columns.text("seating")?, columns.u64("tick")?);
        let episodes = columns.u32("episodes")?;
        let mut scores = Vec::with_capacity(SCORES.len());
        for name in SCORES {
            scores.push(columns.f64(name)?);
        }
        for row in 0..batch.num_rows() {
            let matches = found.entry(entity.value(row).to_owned()).or_default();
            if matches.tick != tick[row] {
                *matches = Matches {
                    tick: tick[row],
                    ..Matches::default()
                };
            }
            let seating = seating.value(row).to_owned();
            let names = seating
                .split(',')
                .map(|seat| seat.rsplit_once(':').map_or(seat, |(agent, _)| agent));
            matches.cells.push(Cell {
                agents: names.map(str::to_owned).collect(),
                replicas: columns.u32_list("replicas", row)?,
                episodes: episodes[row],
                scores: std::array::from_fn(|i| scores[i][row]),
                seat_returns: columns.f32_list("seat_returns", row)?,
                seat_shaped: columns.f32_list("seat_shaped", row)?,
                events: BTreeMap::new(),
                seating,
            });
        }
    }
    count_events(run, &mut found)?;
    Ok(found)
}

fn count_events(run: &Run, found: &mut BTreeMap<String, Matches>) -> Result<(), Fault> {
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (entity, matches) in &*found {
        for (index, cell) in matches.cells.iter().enumerate() {
            places.insert((entity.clone(), cell.seating.clone()), index);
        }
    }
    for batch in read_table(run, "events") {
        let batch = batch?;
        let columns = Columns(&batch);
        let (entity, seating, event) = (
            columns.text("entity")?,
            columns.text("seating")?,
            columns.text("event")?,
        );
        let (tick, seat, value) = (columns.u64("tick")?, columns.u32("seat")?, columns.f64("per_episode")?);
        for row in 0..batch.num_rows() {
            let key = (entity.value(row).to_owned(), seating.value(row).to_owned());
            let (Some(matches), Some(&place)) = (found.get_mut(&key.0), places.get(&key)) else {
                continue;
            };
            if matches.tick != tick[row] {
                continue;
            }
            let name = event.value(row);
            if !matches.events.iter().any(|known| known == name) {
                matches.events.push(name.to_owned());
            }
            let cell = &mut matches.cells[place];
            let seats = cell.replicas.len();
            let counts = cell.events.entry(name.to_owned()).or_insert_with(|| vec![0.0; seats]);
            if let Some(count) = counts.get_mut(seat[row] as usize) {
                *count = value[row];
            }
        }
    }
    Ok(())
}
