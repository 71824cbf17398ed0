//! Build / Seats: `[stage.x]` becomes an entity with clocks and a plan, and everything else a member of a stage.

mod inheritance;

use super::chain::Chain;
use super::{ByKey, by_key, path, verdict};
use crate::clocks::Advanced;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::fault::Fault;
use starling_components::specs::{AgentSpec, EnvironmentSpec, EvaluateSpec, PipelineSpec, StageSpec};
use starling_components::stage::{FreshAgent, StagePlan};
use starling_components::suggest;

type Named<'w, 's, T> = Query<'w, 's, (Entity, &'static EntityName, &'static T)>;

/// One kind of table, in the order of its names.
struct Table<'a, T>(Vec<(Entity, &'a EntityName, &'a T)>);

impl<'a, T: Component> Table<'a, T> {
    fn of(query: &'a Named<'_, '_, T>) -> Self {
        let mut rows: Vec<_> = query.iter().collect();
        rows.sort_by_key(|(_, name, _)| *name);
        Self(rows)
    }
    fn keys(&self) -> ByKey<'a> {
        by_key(self.0.iter().map(|(entity, name, _)| (*entity, *name)))
    }
    fn place(&self, key: &str) -> Option<usize> {
        self.0.iter().position(|(_, name, _)| name.key == key)
    }
}

/// The tables that stages speak of.
struct Scene<'a> {
    stages: Table<'a, StageSpec>,
    environments: Table<'a, EnvironmentSpec>,
    agents: Table<'a, AgentSpec>,
    evaluations: Table<'a, EvaluateSpec>,
    chain: Chain,
}

/// Plans every stage. Does nothing but check `from` in a pipeline without stages, whose groups are made with the seats.
///
/// # Errors
/// A top-level `until` beside stages; names that nothing has; stages that wait for each other; learners that no stage trains and agents that
/// cannot be trained; stages that meet in an agent or an environment although neither waits for the other; parameters that are used before they are
/// there.
pub fn stages(
    stages: Named<'_, '_, StageSpec>,
    environments: Named<'_, '_, EnvironmentSpec>,
    agents: Named<'_, '_, AgentSpec>,
    evaluations: Named<'_, '_, EvaluateSpec>,
    heads: Query<&PipelineSpec>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut scene = Scene {
        stages: Table::of(&stages),
        environments: Table::of(&environments),
        agents: Table::of(&agents),
        evaluations: Table::of(&evaluations),
        chain: Chain::default(),
    };
    if scene.stages.0.is_empty() {
        scene.without_stages(&mut faults);
        return verdict(faults);
    }
    if heads.iter().any(|head| head.until.is_some()) {
        let fault = Fault::pipeline("a pipeline with stages has no end of its own");
        faults.push(fault.advise("move `until` into the stages").within(["until"]));
    }
    scene.names(&mut faults);
    let after = scene.stages.0.iter().map(|(.., spec)| {
        let places = spec.after.iter().filter_map(|key| scene.stages.place(key));
        places.collect()
    });
    scene.chain = Chain::of(after.collect());
    scene.circles(&mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    scene.learners(&mut faults);
    scene.neighbours(&mut faults);
    scene.inheritance(&mut faults);
    scene.spawn(&mut commands);
    verdict(faults)
}

impl Scene<'_> {
    /// Names in stages that nothing has.
    fn names(&self, faults: &mut Vec<Fault>) {
        let (agents, environments, stages) = (self.agents.keys(), self.environments.keys(), self.stages.keys());
        for (_, name, spec) in &self.stages.0 {
            let lists = [
                ("train", &spec.train, &agents, "agent"),
                ("fresh", &spec.fresh, &agents, "agent"),
                ("environments", &spec.environments, &environments, "environment"),
                ("after", &spec.after, &stages, "stage"),
            ];
            for (field, list, known, what) in lists {
                for (index, key) in list
                    .iter()
                    .enumerate()
                    .filter(|(_, key)| !known.contains_key(key.as_str()))
                {
                    let fault = Fault::pipeline(format!("no {what} is called `{key}`"))
                        .advise(suggest::advice(key, known.keys().copied()));
                    faults.push(fault.within(path(name, [field, &index.to_string()])));
                }
            }
        }
        for (_, name, spec) in &self.evaluations.0 {
            let Some(key) = spec.stage.as_ref().filter(|key| !stages.contains_key(key.as_str())) else {
                continue;
            };
            let fault = Fault::pipeline(format!("no stage is called `{key}`"))
                .advise(suggest::advice(key, stages.keys().copied()));
            faults.push(fault.within(path(name, ["stage"])));
        }
    }

    fn circles(&self, faults: &mut Vec<Fault>) {
        let Some(&first) = self.chain.circle.first() else {
            return;
        };
        let keys: Vec<&str> = self
            .chain
            .circle
            .iter()
            .map(|&i| self.stages.0[i].1.key.as_str())
            .collect();
        let message = match keys[..] {
            [one] => format!("stage `{one}` waits for itself"),
            _ => format!("stages `{}` wait for each other", keys.join("`, `")),
        };
        let fault = Fault::pipeline(message).advise("take one name out of an `after`");
        faults.push(fault.within(path(self.stages.0[first].1, ["after"])));
    }

    /// Who learns, and who starts anew.
    fn learners(&self, faults: &mut Vec<Fault>) {
        for (_, name, spec) in &self.stages.0 {
            for (index, key) in spec.train.iter().enumerate() {
                let agent = self.agents.place(key).map(|place| self.agents.0[place].2);
                if agent.is_some_and(|agent| agent.learner.is_none()) {
                    let fault = Fault::pipeline(format!("`{key}` has no learner, so no stage can train it"));
                    let advice =
                        format!("give agent `{key}` a learner, or take it out: who is not trained plays frozen");
                    faults.push(fault.advise(advice).within(path(name, ["train", &index.to_string()])));
                }
            }
            for (index, key) in spec.fresh.iter().enumerate() {
                let at = path(name, ["fresh", &index.to_string()]);
                let agent = self.agents.place(key).map(|place| self.agents.0[place].2);
                if !spec.train.contains(key) {
                    let fault = Fault::pipeline(format!("`{key}` starts anew but does not learn in this stage"));
                    faults.push(fault.advise("`fresh` names agents of `train`").within(at));
                } else if agent.is_some_and(|agent| agent.from.is_some()) {
                    let fault = Fault::pipeline(format!("`{key}` takes its parameters `from` elsewhere"));
                    faults.push(fault.advise("an agent that starts anew has none to take").within(at));
                }
            }
        }
        for (_, name, _) in self.agents.0.iter().filter(|(.., spec)| spec.learner.is_some()) {
            if self.trained_in(&name.key).is_empty() {
                let fault = Fault::pipeline(format!("no stage trains `{}`", name.key));
                let advice = "name it in the `train` of a stage, or leave its learner out: it is frozen";
                faults.push(fault.advise(advice).within(path(name, ["learner"])));
            }
        }
    }

    /// Stages that may run at the same time share no agent that learns and no environment.
    fn neighbours(&self, faults: &mut Vec<Fault>) {
        for (b, (_, name, spec)) in self.stages.0.iter().enumerate() {
            for (a, (_, other, before)) in self.stages.0[..b].iter().enumerate() {
                if self.chain.apart(a, b) {
                    continue;
                }
                let advice = format!("let one come `after` the other, e.g. after = [\"{}\"]", other.key);
                for (index, key) in spec
                    .train
                    .iter()
                    .enumerate()
                    .filter(|(_, key)| before.train.contains(key))
                {
                    let message = format!(
                        "stages `{}` and `{}` train `{key}` at the same time",
                        other.key, name.key
                    );
                    let at = path(name, ["train", &index.to_string()]);
                    faults.push(Fault::pipeline(message).advise(&*advice).within(at));
                }
                for (_, environment, shared) in &self.environments.0 {
                    if spec.runs(&environment.key, shared) && before.runs(&environment.key, shared) {
                        let message = format!(
                            "stages `{}` and `{}` run `{}` at the same time",
                            other.key, name.key, environment.key
                        );
                        let written = spec.environments.iter().position(|key| *key == environment.key);
                        let at = match written {
                            Some(index) => path(name, ["environments", &index.to_string()]),
                            None => path(name, []),
                        };
                        faults.push(Fault::pipeline(message).advise(&*advice).within(at));
                    }
                }
            }
        }
    }

    /// The stages that train an agent.
    fn trained_in(&self, agent: &str) -> Vec<usize> {
        let trains = |spec: &StageSpec| spec.train.iter().any(|key| key == agent);
        let stages = self.stages.0.iter().enumerate();
        stages.filter(|(_, (.., spec))| trains(spec)).map(|(i, _)| i).collect()
    }

    fn environment(&self, evaluation: &EvaluateSpec) -> Option<&EnvironmentSpec> {
        let place = self.environments.place(&evaluation.environment)?;
        Some(self.environments.0[place].2)
    }

    /// Who plays in an evaluation: those it names, or everyone in the environment.
    fn players<'b>(&'b self, evaluation: &'b EvaluateSpec) -> Vec<&'b String> {
        let environment = self.environment(evaluation);
        let seats = environment.into_iter().flat_map(|environment| &environment.seats);
        match &evaluation.agents[..] {
            [] => seats.flat_map(|seat| seat.agents()).collect(),
            agents => agents.iter().collect(),
        }
    }

    /// The stage in whose course an evaluation runs: the one it names; the last that runs its environment or trains one of its agents or
    /// those they take from; the last of all.
    fn stage_of(&self, evaluation: &EvaluateSpec) -> usize {
        if let Some(place) = evaluation.stage.as_ref().and_then(|key| self.stages.place(key)) {
            return place;
        }
        let environment = self.environment(evaluation);
        let players = self.players(evaluation);
        let involved = |spec: &StageSpec| {
            environment.is_some_and(|environment| spec.runs(&evaluation.environment, environment))
                || players.iter().any(|player| {
                    let mut learners = self.sources(player);
                    learners.push(player);
                    learners
                        .iter()
                        .any(|key| spec.train.iter().any(|trained| trained == key))
                })
        };
        let stages = 0..self.stages.0.len();
        let last = stages
            .clone()
            .filter(|&i| involved(self.stages.0[i].2))
            .max_by_key(|&i| self.chain.order[i]);
        last.or(stages.max_by_key(|&i| self.chain.order[i])).unwrap_or(0)
    }

    /// Clocks and plan of every stage; everything else becomes a member of the first stage that it takes part in.
    fn spawn(&self, commands: &mut Commands<'_, '_>) {
        let entities = |keys: &[String], known: &ByKey<'_>| -> Vec<Entity> {
            keys.iter().filter_map(|key| known.get(key.as_str()).copied()).collect()
        };
        let (agents, stages) = (self.agents.keys(), self.stages.keys());
        let mut places: Vec<usize> = (0..self.stages.0.len()).collect();
        places.sort_by_key(|&i| std::cmp::Reverse(self.chain.order[i]));
        // Backwards, so that the first stage's membership stays.
        for place in places {
            let (stage, _, spec) = self.stages.0[place];
            let runs = self
                .environments
                .0
                .iter()
                .filter(|(_, name, e)| spec.runs(&name.key, e));
            let environments: Vec<Entity> = runs.map(|(entity, ..)| *entity).collect();
            let fresh = spec.fresh.iter().filter_map(|key| {
                let mut earlier = self.trained_in(key).into_iter();
                Some(FreshAgent {
                    agent: *agents.get(key.as_str())?,
                    new: !earlier.any(|other| self.chain.precedes(other, place)),
                })
            });
            let plan = StagePlan {
                order: self.chain.order[place],
                train: entities(&spec.train, &agents),
                environments,
                after: entities(&spec.after, &stages),
                fresh: fresh.collect(),
            };
            for &member in plan.environments.iter().chain(&plan.train) {
                commands.entity(member).insert(Member(stage));
            }
            let clocks = Clocks {
                rounds: spec.rounds,
                waiting: !plan.after.is_empty(),
                ..Clocks::default()
            };
            commands.entity(stage).insert((clocks, Advanced(false), plan));
        }
        for (entity, _, spec) in &self.evaluations.0 {
            let stage = self.stages.0[self.stage_of(spec)].0;
            commands.entity(*entity).insert(Member(stage));
        }
    }
}
