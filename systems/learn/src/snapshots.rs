//! Moments of an agent's training that others take their parameters from: `from = { agent = "sp", progress = [0.1, 1.0] }`.
//!
//! Who is asked for which moments is known before the first tick, so only those are kept. When a source has done all its learning, those who take
//! from it get their parameters.

use bevy_ecs::prelude::*;
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::learn::Learner;
use starling_components::parameters::{Layout, Parameters, Replicas};
use starling_components::persist::{Persist, Section, SectionReader, TensorData};
use starling_components::schedule::MemoryEstimate;
use starling_components::specs::{AgentSpec, FromSpec};
use starling_components::stage::{Inherits, StagePlan};
use starling_components::table::{Block, Outbox};
use starling_components::tables::metrics;
use starling_components::{EntityName, suggest};
use std::collections::BTreeMap;

/// A moment of a training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Moment {
    /// The end of the first tick after which this fraction of the training is done; 0 is before the first update.
    Progress(f64),
    /// Per replica, the end of the tick in which this metric was largest; the first of equals.
    Best(String),
}

/// Kept moments of an agent: on the entity of `[agent.x]`. Saved.
#[derive(Component, Debug, Clone, PartialEq)]
pub(crate) struct Snapshots {
    moments: Vec<Moment>,
    replicas: usize,
    n: usize,
    /// `[replicas, moments, n]`; empty before the first is taken.
    values: Vec<f32>,
    /// `[replicas, moments]`, 0 or 1.
    taken: Vec<u32>,
    /// Value of the metric at a best moment, as the bits of an `f64`: `[replicas, moments]`.
    scores: Vec<u64>,
}

impl Snapshots {
    fn new(moments: Vec<Moment>, replicas: usize, n: usize) -> Self {
        let slots = moments.len() * replicas;
        Self {
            moments,
            replicas,
            n,
            values: Vec::new(),
            taken: vec![0; slots],
            scores: vec![0; slots],
        }
    }

    fn take(&mut self, replica: usize, moment: usize, parameters: &[f32], score: f64) {
        let (slot, n) = (replica * self.moments.len() + moment, self.n);
        self.values.resize(self.taken.len() * n, 0.0);
        self.values[slot * n..(slot + 1) * n].copy_from_slice(parameters);
        self.taken[slot] = 1;
        self.scores[slot] = score.to_bits();
    }

    /// What is wanted of `source` at this point of its training, and not yet kept or worse than it.
    fn update(&mut self, training: &Training, numbers: &[u32], parameters: &Parameters, rows: &[Block]) {
        for (index, moment) in self.moments.clone().into_iter().enumerate() {
            match moment {
                Moment::Progress(part) => {
                    for replica in 0..self.replicas {
                        if training.reached(part) && self.taken[replica * self.moments.len() + index] == 0 {
                            self.take(replica, index, parameters.replica(replica), part);
                        }
                    }
                }
                Moment::Best(metric) => {
                    for (number, value) in metrics::recorded(rows, training.tick, &metric) {
                        let Some(replica) = numbers.iter().position(|&n| n == number) else {
                            continue;
                        };
                        let slot = replica * self.moments.len() + index;
                        let known = (self.taken[slot] != 0).then(|| f64::from_bits(self.scores[slot]));
                        if known.map_or(!value.is_nan(), |known| value > known) {
                            self.take(replica, index, parameters.replica(replica), value);
                        }
                    }
                }
            }
        }
    }

    /// One replica's parameters at a moment; `None` if it never came.
    fn get(&self, replica: usize, moment: &Moment) -> Option<&[f32]> {
        let index = self.moments.iter().position(|known| known == moment)?;
        let slot = replica * self.moments.len() + index;
        (self.taken[slot] != 0).then(|| &self.values[slot * self.n..(slot + 1) * self.n])
    }
}

impl Persist for Snapshots {
    const SECTION: &'static str = "snapshots";

    fn save(&self, section: &mut Section<'_>) {
        let slots = [self.replicas, self.moments.len()];
        section.put("taken", &slots, TensorData::U32(self.taken.clone()));
        section.put("scores", &slots, TensorData::U64(self.scores.clone()));
        if !self.values.is_empty() {
            let shape = [self.replicas, self.moments.len(), self.n];
            section.put("values", &shape, TensorData::F32(self.values.clone()));
        }
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        let slots = [self.replicas, self.moments.len()];
        self.taken = section.u32("taken", &slots)?;
        self.scores = section.u64("scores", &slots)?;
        self.values = match self.taken.iter().any(|&taken| taken != 0) {
            true => section.f32("values", &[self.replicas, self.moments.len(), self.n])?,
            false => Vec::new(),
        };
        Ok(())
    }
}

/// How far the training of an agent is, all stages that train it together.
struct Training {
    begun: bool,
    ended: bool,
    done: u64,
    total: u64,
    /// The tick that rows are numbered by.
    tick: u64,
}

impl Training {
    fn of(agent: Entity, learns: bool, stages: &Query<'_, '_, (&Clocks, &StagePlan)>) -> Self {
        let mut training = Self {
            begun: !learns,
            ended: true,
            done: 0,
            total: 0,
            tick: 0,
        };
        for (clocks, _) in stages.iter().filter(|(_, plan)| learns && plan.train.contains(&agent)) {
            training.begun |= !clocks.waiting;
            training.ended &= clocks.finished;
            // A stage that a metric ended is done all the same.
            training.done += if clocks.finished {
                clocks.total.ticks
            } else {
                clocks.now.ticks
            };
            training.total += clocks.total.ticks;
            training.tick = training.tick.max(clocks.tick());
        }
        training
    }

    fn reached(&self, part: f64) -> bool {
        self.ended || self.begun && self.done as f64 >= part * self.total as f64
    }
}

/// The moments that `from` asks for; none for the end of the training, which needs no keeping.
fn wanted(from: &FromSpec) -> Vec<Moment> {
    match from.pick.best() {
        Some(metric) => vec![Moment::Best(metric.to_owned())],
        None => from.progress.iter().copied().map(Moment::Progress).collect(),
    }
}

/// Build: which moments of whom are kept, and the memory of it.
///
/// # Errors
/// A network that is not its source's; a metric that nothing records.
pub(crate) fn plan(
    heirs: Query<'_, '_, (&EntityName, &AgentSpec, &Inherits, &Parameters)>,
    sources: Query<'_, '_, (&EntityName, &Replicas, &Parameters)>,
    names: Query<'_, '_, &EntityName>,
    mut memory: ResMut<'_, MemoryEstimate>,
    mut commands: Commands<'_, '_>,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut moments: BTreeMap<&EntityName, (Entity, Vec<Moment>)> = BTreeMap::new();
    let mut sorted: Vec<_> = heirs.iter().collect();
    sorted.sort_by_key(|(name, ..)| *name);
    for (name, spec, heir, parameters) in sorted {
        let (Some(from), Ok((source, _, theirs))) = (&spec.from, sources.get(heir.source)) else {
            continue;
        };
        let at = |fault: Fault, keys: &[&str]| {
            let own = [&*name.table, &*name.key];
            fault.within(own.iter().chain(keys).map(|&key| key.to_owned()))
        };
        if let Some(difference) = difference(&parameters.layout, &theirs.layout) {
            let message = format!(
                "the network of `{}` is not that of `{}`: {difference}",
                name.key, source.key
            );
            let fault = Fault::pipeline(message).advise("leave `policy` out: it is the source's");
            faults.push(at(fault, &["policy"]));
            continue;
        }
        if let Some(metric) = from.pick.best() {
            let entity = metrics::split_name(metric).map(|(entity, _)| entity.to_owned());
            let known: Vec<String> = names.iter().map(EntityName::to_string).collect();
            if !entity.as_ref().is_some_and(|entity| known.contains(entity)) {
                let fault = Fault::pipeline(format!("nothing records the metric `{metric}`"));
                let advice = entity.map_or_else(
                    || "entity and metric, e.g. `evaluate.selfplay.return_mean`".to_owned(),
                    |entity| suggest::advice(&entity, known.iter().map(String::as_str)),
                );
                faults.push(at(fault.advise(advice), &["from", "pick", "best"]));
            }
        }
        let (_, asked) = moments.entry(source).or_insert_with(|| (heir.source, Vec::new()));
        for moment in wanted(from) {
            if !asked.contains(&moment) {
                asked.push(moment);
            }
        }
    }
    for (name, (source, moments)) in moments {
        let (false, Ok((_, replicas, parameters))) = (moments.is_empty(), sources.get(source)) else {
            continue;
        };
        let (count, n) = (replicas.0.len(), parameters.layout.len());
        let bytes = 4 * n * count * moments.len();
        memory
            .0
            .push((format!("{name}: {} kept moments", moments.len()), bytes));
        commands.entity(source).insert(Snapshots::new(moments, count, n));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The first tensor in which two networks differ.
fn difference(own: &Layout, theirs: &Layout) -> Option<String> {
    let mut pairs = own.entries.iter().zip(&theirs.entries);
    if let Some((own, theirs)) = pairs.find(|(own, theirs)| own != theirs) {
        return Some(format!(
            "`{}` {:?} in the place of `{}` {:?}",
            own.name, own.shape, theirs.name, theirs.shape
        ));
    }
    let (own, theirs) = (own.entries.len(), theirs.entries.len());
    (own != theirs).then(|| format!("{own} tensors in the place of {theirs}"))
}

type Agents<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static EntityName,
        &'static AgentSpec,
        &'static Replicas,
        &'static mut Parameters,
        Option<&'static Learner>,
        Option<&'static mut Snapshots>,
        Option<&'static mut Inherits>,
    ),
>;

/// Begin and Evaluate / Inherit: keeps the moments that have come, and gives parameters to those whose source has done its learning.
///
/// # Errors
/// A metric that decides which moment is best and that was never recorded.
pub(crate) fn inherit(
    mut agents: Agents<'_, '_>,
    stages: Query<'_, '_, (&Clocks, &StagePlan)>,
    outbox: Res<'_, Outbox>,
) -> Result<(), Vec<Fault>> {
    for (agent, _, _, replicas, parameters, learner, snapshots, heir) in &mut agents {
        if let Some(mut snapshots) = snapshots
            && heir.is_none_or(|heir| heir.filled)
        {
            let training = Training::of(agent, learner.is_some(), &stages);
            snapshots.update(&training, &replicas.0, &parameters, &outbox.0);
        }
    }
    let mut faults = Vec::new();
    let mut open: Vec<(EntityName, Entity, Entity)> = agents
        .iter()
        .filter_map(|(agent, name, .., heir)| {
            heir.filter(|heir| !heir.filled)
                .map(|heir| (name.clone(), agent, heir.source))
        })
        .collect();
    open.sort();
    // Those who take from each other become ready one after the other.
    while let Some(next) = open
        .iter()
        .position(|(_, _, source)| settled(*source, &agents, &stages))
    {
        let (name, agent, source) = open.remove(next);
        match values_for(agent, source, &agents) {
            Ok(values) => {
                if let Ok((.., mut parameters, _, _, Some(mut heir))) = agents.get_mut(agent) {
                    parameters.values = values;
                    heir.filled = true;
                }
            }
            Err(fault) => faults.push(fault.within([name.table, name.key, "from".to_owned()])),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The parameters of `agent` are those that it ends with.
fn settled(agent: Entity, agents: &Agents<'_, '_>, stages: &Query<'_, '_, (&Clocks, &StagePlan)>) -> bool {
    agents.get(agent).is_ok_and(|(.., learner, _, heir)| {
        heir.is_none_or(|heir| heir.filled) && Training::of(agent, learner.is_some(), stages).ended
    })
}

/// What `agent` takes from `source`: `[replicas of the source x moments, n]`.
fn values_for(agent: Entity, source: Entity, agents: &Agents<'_, '_>) -> Result<Vec<f32>, Fault> {
    let (Ok((_, _, spec, ..)), Ok((_, name, _, replicas, parameters, learner, snapshots, _))) =
        (agents.get(agent), agents.get(source))
    else {
        return Err(Fault::run("an agent that takes from another was not built"));
    };
    let moments = spec.from.as_ref().map(wanted).unwrap_or_default();
    if moments.is_empty() || learner.is_none() {
        let per_replica = moments.len().max(1);
        let rows = (0..replicas.0.len()).flat_map(|r| std::iter::repeat_n(parameters.replica(r), per_replica));
        return Ok(rows.flatten().copied().collect());
    }
    let mut values = Vec::with_capacity(parameters.values.len() * moments.len());
    for (index, number) in replicas.0.iter().enumerate() {
        for moment in &moments {
            let Some(kept) = snapshots.and_then(|snapshots| snapshots.get(index, moment)) else {
                let what = match moment {
                    Moment::Best(metric) => {
                        format!("`{metric}` was never recorded for replica {number} of `{}`", name.key)
                    }
                    Moment::Progress(part) => format!("replica {number} of `{}` never came to {part}", name.key),
                };
                return Err(Fault::run(what).advise("name a metric that is recorded per replica while it learns"));
            };
            values.extend_from_slice(kept);
        }
    }
    Ok(values)
}
