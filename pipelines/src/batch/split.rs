//! A run whose replicas are split over jobs. A replica's bits do not depend on the others, so a job trains some of them; only the last tick,
//! in which replicas meet in evaluations, needs all, and is left to the joined run.

use super::Part;
use crate::engine::Starling;
use crate::file::Pipeline;
use crate::file::layers::{Origin, Overrides};
use crate::problem::Problems;
use bevy_app::App;
use starling_components::Fault;
use starling_components::clock::Clocks;
use starling_components::specs::{AgentSpec, BufferSpec, EvaluateAt, EvaluateSpec, EvaluateWhen, Scope};

/// The jobs of the run `name`: at most `jobs`, with their resolved pipelines. `app` is the run's world.
///
/// # Errors
/// What keeps this pipeline from being split, with its place.
pub(super) fn parts(
    starling: &Starling,
    pipeline: &Pipeline,
    mut app: App,
    jobs: u32,
    name: &str,
) -> Result<Vec<(Part, String)>, Problems> {
    let refuse = |fault: Fault| pipeline.locate(vec![fault]);
    let (agents, replicas) = learners(pipeline, jobs).map_err(refuse)?;
    meets_at_the_end_only(pipeline).map_err(refuse)?;
    let world = app.world_mut();
    let mut ticks: Vec<u64> = world
        .query::<&Clocks>()
        .iter(world)
        .map(|clocks| clocks.total.ticks)
        .collect();
    ticks.sort_unstable();
    ticks.dedup();
    let [ticks] = ticks[..] else {
        return Err(refuse(cannot("its parts end at different moments").within(["until"])));
    };
    if ticks < 2 {
        return Err(refuse(
            cannot("it has no more than one tick, which is that of the joined run").within(["until"]),
        ));
    }
    let (first, mut all) = (replicas.0, Vec::new());
    for job in 0..jobs {
        // As even as whole replicas allow.
        let cut = |job: u32| (u64::from(replicas.1) * u64::from(job) / u64::from(jobs)) as u32;
        let part = Part {
            name: format!("{name}_part{job}"),
            first: first + cut(job),
            count: cut(job + 1) - cut(job),
            ticks: ticks - 1,
        };
        let range = |agent: &String| format!("agent.{agent}.replicas={{first={},count={}}}", part.first, part.count);
        let overrides = Overrides {
            set: agents.iter().map(range).collect(),
            ..Overrides::default()
        };
        let origin = Origin::Text {
            name: format!("{name} (resolved)"),
            text: pipeline.text(),
        };
        let text = starling.load(&origin, &overrides)?.text();
        all.push((part, text));
    }
    Ok(all)
}

fn cannot(why: &str) -> Fault {
    Fault::pipeline(format!(
        "the replicas of this pipeline cannot be split over jobs: {why}"
    ))
    .advise("leave `split` out of [sweep]: its runs are jobs of their own as they are")
}

/// The agents that learn, with the first number and the count of their replicas.
fn learners(pipeline: &Pipeline, jobs: u32) -> Result<(Vec<String>, (u32, u32)), Fault> {
    let mut found: Vec<(String, (u32, u32))> = Vec::new();
    for (index, instance) in pipeline.instances.iter().enumerate() {
        if instance.table != "agent" {
            continue;
        }
        let Some(spec) = pipeline.spec::<AgentSpec>(index) else {
            continue;
        };
        if spec.learner.is_some() {
            found.push((instance.key.clone(), (spec.replicas.first(), spec.replicas.count())));
        }
    }
    let Some((_, replicas)) = found.first().cloned() else {
        return Err(cannot("no agent learns"));
    };
    if let Some((key, _)) = found.iter().find(|(_, other)| *other != replicas) {
        return Err(cannot("the agents that learn have different replicas").within(["agent", key, "replicas"]));
    }
    if replicas.1 < jobs {
        let (key, count) = (&found[0].0, replicas.1);
        let fault = Fault::pipeline(format!("{count} replicas cannot be split over {jobs} jobs"));
        return Err(fault
            .advise(format!("`split = {count}` at most, or more replicas"))
            .within(["agent", key, "replicas"]));
    }
    Ok((found.into_iter().map(|(key, _)| key).collect(), replicas))
}

/// Nothing before the last tick looks at more than one replica.
fn meets_at_the_end_only(pipeline: &Pipeline) -> Result<(), Fault> {
    for (index, instance) in pipeline.instances.iter().enumerate() {
        let key = &instance.key;
        match instance.table.as_str() {
            "stage" => return Err(cannot("it has stages").within(["stage", key])),
            "evaluate" => {
                let spec = pipeline.spec::<EvaluateSpec>(index);
                if spec.is_some_and(|spec| !matches!(spec.at, EvaluateAt::When(EvaluateWhen::End))) {
                    return Err(cannot("this evaluation is not at the end").within(["evaluate", key, "at"]));
                }
            }
            "buffer" => {
                let spec = pipeline.spec::<BufferSpec>(index);
                if spec.is_some_and(|spec| spec.scope == Scope::AllReplicas) {
                    return Err(cannot("replicas share this buffer").within(["buffer", key, "scope"]));
                }
            }
            _ => {}
        }
    }
    match pipeline.head.until.as_ref().and_then(|until| until.metric.as_ref()) {
        Some(_) => Err(cannot("a metric over all replicas ends it").within(["until", "metric"])),
        None => Ok(()),
    }
}
