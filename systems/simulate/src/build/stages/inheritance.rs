//! Parameters that come from another agent are there before anybody plays with them.

use super::super::inherit::source;
use super::super::path;
use super::Scene;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use starling_components::specs::{EnvironmentSpec, EvaluateAt};

impl Scene<'_> {
    /// Everyone whose learning decides the parameters of `agent`: its source, the source's source, ...
    pub(super) fn sources<'b>(&'b self, agent: &'b str) -> Vec<&'b str> {
        let mut found: Vec<&str> = Vec::new();
        let mut next = Some(agent);
        while let Some(key) = next {
            let spec = self.agents.place(key).map(|place| self.agents.0[place].2);
            next = spec
                .and_then(source)
                .filter(|key| !found.contains(key) && *key != agent);
            found.extend(next);
        }
        found
    }

    /// Nobody plays with parameters before they are there.
    pub(super) fn inheritance(&self, faults: &mut Vec<Fault>) {
        for (_, agent, _) in &self.agents.0 {
            for source in self.sources(&agent.key) {
                for teacher in self.trained_in(source) {
                    let teaches = &self.stages.0[teacher].1.key;
                    let advice = format!("a stage after `{teaches}` is what it needs: after = [\"{teaches}\"]");
                    for (user, (_, name, spec)) in self.stages.0.iter().enumerate() {
                        let sits = |(_, name, environment): &&(Entity, &EntityName, &EnvironmentSpec)| {
                            spec.runs(&name.key, environment) && !environment.seats_of(&agent.key).is_empty()
                        };
                        let uses = spec.train.contains(&agent.key) || self.environments.0.iter().any(|e| sits(&e));
                        if uses && !self.chain.precedes(teacher, user) {
                            let message = format!(
                                "`{}` takes the parameters of `{source}`, which learns in `{teaches}`, but plays in `{}`",
                                agent.key, name.key
                            );
                            faults.push(Fault::pipeline(message).advise(&*advice).within(path(name, [])));
                        }
                    }
                    for (_, name, spec) in self
                        .evaluations
                        .0
                        .iter()
                        .filter(|(.., e)| self.players(e).contains(&&agent.key))
                    {
                        let user = self.stage_of(spec);
                        let late = self.chain.precedes(teacher, user)
                            || user == teacher && matches!(spec.at, EvaluateAt::When(_));
                        if !late {
                            let message = format!(
                                "`{}` takes the parameters of `{source}`, which are not there before the end of `{teaches}`",
                                agent.key
                            );
                            let advice = format!("evaluate it at the end of `{teaches}`, or in a stage after it");
                            faults.push(Fault::pipeline(message).advise(advice).within(path(name, [])));
                        }
                    }
                }
            }
        }
    }

    /// The same where all that learns does so until the end of the run.
    pub(super) fn without_stages(&self, faults: &mut Vec<Fault>) {
        for (_, name, _) in self.evaluations.0.iter().filter(|(.., spec)| spec.stage.is_some()) {
            let fault = Fault::pipeline("this pipeline has no stages").advise("leave `stage` out");
            faults.push(fault.within(path(name, ["stage"])));
        }
        for (_, agent, _) in &self.agents.0 {
            let learns = |key: &&str| {
                let place = self.agents.place(key);
                place.is_some_and(|place| self.agents.0[place].2.learner.is_some())
            };
            let Some(source) = self.sources(&agent.key).into_iter().find(learns) else {
                continue;
            };
            let advice = "say with [stage.x] tables what comes after what";
            for (_, name, spec) in &self.environments.0 {
                if !spec.seats_of(&agent.key).is_empty() {
                    let message = format!(
                        "`{}` plays while `{source}`, whose parameters it takes, learns",
                        agent.key
                    );
                    faults.push(Fault::pipeline(message).advise(advice).within(path(name, ["seats"])));
                }
            }
            for (_, name, spec) in &self.evaluations.0 {
                if self.players(spec).contains(&&agent.key) && !matches!(spec.at, EvaluateAt::When(_)) {
                    let message = format!(
                        "`{}` takes the parameters of `{source}` at the end of the run",
                        agent.key
                    );
                    let fault = Fault::pipeline(message).advise("at = \"end\"");
                    faults.push(fault.within(path(name, ["at"])));
                }
            }
        }
    }
}
