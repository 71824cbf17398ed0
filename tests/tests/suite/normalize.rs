//! Agents that normalise: what their rollouts hold is what they saw and were paid, and who may not normalise is told why.

use starling::Starling;
use starling::engine::{Limits, run_ticks};
use starling::file::layers::{Origin, Overrides};
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::normalize::{Moments, Normalization, ReplicaNormalization};
use starling_components::random::{Key, Purpose};
use starling_components::rollout::{ReplicaRollout, Rollout};
use starling_components::simulate::{LiveEnvironment, StepOutputs};
use starling_components::spaces::{ActionBuffer, Actions, ObservationBuffer, Observations, ObservationsMut};
use starling_simulate::normalize::Normalised;

/// Episodes of 13 steps in rollouts of 10: ends fall into the middle of rollouts and onto their borders.
const SWINGERS: &str = r#"
name  = "test/swingers"
seed  = 9
until = { ticks = 6 }

[environment.pendulum]
rules.pendulum = { max_steps = 13 }
lanes = 4
seats = ["swinger"]

[agent.swinger]
replicas       = 2
normalize      = { observations = true, rewards = true, gamma = 0.9 }
policy         = { heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 10, epochs = 1, minibatches = 2, bootstrap_truncation = true }
optimizer.adam = { rate = 1e-2 }
"#;
const LANES: usize = 4;
const WIDTH: usize = 3;

fn origin(text: &str) -> Origin {
    Origin::Text {
        name: "test.toml".into(),
        text: text.into(),
    }
}

/// Running mean and variance by the definition: over everything, with the first guess as 1e-4 rows.
#[derive(Default)]
struct Everything(Vec<f64>);

impl Everything {
    fn mean_and_deviation(&self) -> (f64, f64) {
        let guess = 1e-4;
        let count = self.0.len() as f64 + guess;
        let mean = self.0.iter().sum::<f64>() / count;
        let squares: f64 = self.0.iter().map(|x| (x - mean) * (x - mean)).sum();
        // The guess has mean 0 and variance 1.
        let variance = (squares + guess * (1.0 + mean * mean)) / count;
        (mean, (variance + 1e-8).sqrt())
    }
}

fn check_near(what: &str, got: f32, want: f64) {
    let near = (f64::from(got) - want).abs() <= 1e-6 + 1e-5 * want.abs();
    assert!(near, "{what}: {got} instead of {want}");
}

/// What a replica has seen and been paid, told by playing its recorded actions once more.
struct Witness {
    observations: [Everything; WIDTH],
    returns: Everything,
    running: [f64; LANES],
}

impl Witness {
    fn see(&mut self, raw: &[f32]) {
        for row in raw.chunks_exact(WIDTH) {
            for (all, &x) in self.observations.iter_mut().zip(row) {
                all.0.push(x.into());
            }
        }
    }

    fn check_seen(&self, what: &str, got: &[f32], raw: &[f32]) {
        for (element, all) in self.observations.iter().enumerate() {
            let (mean, deviation) = all.mean_and_deviation();
            for lane in 0..got.len() / WIDTH {
                let at = lane * WIDTH + element;
                check_near(
                    &format!("{what} lane {lane}"),
                    got[at],
                    (f64::from(raw[at]) - mean) / deviation,
                );
            }
        }
    }
}

fn floats(buffer: &ObservationBuffer) -> &[f32] {
    let ObservationBuffer::Floats(all) = buffer else {
        panic!("a pendulum shows floats");
    };
    all
}

#[test]
fn normalize_rollouts_hold_what_the_agent_saw_and_was_paid() {
    let starling = Starling::new();
    let pipeline = starling
        .load(&origin(SWINGERS), &Overrides::default())
        .unwrap_or_else(|p| panic!("{p}"));
    let mut app = starling.world(&pipeline).unwrap_or_else(|p| panic!("{p}"));
    let mut rollouts: Vec<Vec<ReplicaRollout>> = Vec::new();
    run_ticks(&mut app, Limits::default(), |world| {
        let mut query = world.query::<&Rollout>();
        rollouts.push(query.single(world).expect("one environment").replicas.clone());
    });
    assert_eq!(rollouts.len(), 6);
    let world = app.world_mut();
    let environment = world.query::<&LiveEnvironment>().single(world).expect("one").0.clone();
    let name = starling_components::EntityName::new("environment", "pendulum");
    let mut ends = 0;
    for replica in 0..2 {
        let key = Key::of_seed(9).entity(&name).replica(replica as u32);
        let mut block = environment.open(key.purpose(Purpose::Environment), LANES);
        block.reset();
        let mut witness = Witness {
            observations: Default::default(),
            returns: Everything::default(),
            running: [0.0; LANES],
        };
        let mut raw = vec![0.0; LANES * WIDTH];
        block.observe(ObservationsMut::Floats(&mut raw));
        witness.see(&raw);
        for (tick, rollout) in rollouts.iter().map(|replicas| &replicas[replica]).enumerate() {
            let (seen, finals) = (
                floats(&rollout.observations),
                rollout.final_observations.as_ref().map(floats),
            );
            let finals = finals.expect("PPO asks for them");
            let size = LANES * WIDTH;
            for step in 0..rollout.steps {
                let what = format!("replica {replica} tick {tick} step {step}");
                witness.check_seen(&what, &seen[step * size..(step + 1) * size], &raw);
                let ActionBuffer::Continuous(actions) = &rollout.actions else {
                    panic!("a pendulum takes floats");
                };
                let mut last = vec![0.0; size];
                let (mut rewards, mut shaped) = ([0.0; LANES], [0.0; LANES]);
                let (mut terminated, mut truncated) = ([0; LANES], [0; LANES]);
                let mut outputs = StepOutputs {
                    observations: ObservationsMut::Floats(&mut raw),
                    rewards: &mut rewards,
                    shaped: &mut shaped,
                    terminated: &mut terminated,
                    truncated: &mut truncated,
                    legal: None,
                    active: None,
                    final_observations: Some(ObservationsMut::Floats(&mut last)),
                    events: None,
                };
                let own = step * LANES..(step + 1) * LANES;
                block
                    .step(Actions::Continuous(&actions[own.clone()]), &mut outputs)
                    .expect("recorded actions fit");
                witness.see(&raw);
                assert_eq!(rollout.raw_rewards[own.clone()], rewards, "{what}");
                for lane in 0..LANES {
                    let ended = truncated[lane] != 0;
                    let kept = if ended { 0.0 } else { witness.running[lane] * 0.9 };
                    witness.running[lane] = kept + f64::from(rewards[lane]);
                    if ended {
                        ends += 1;
                        let row = lane * WIDTH..(lane + 1) * WIDTH;
                        let first = step * size;
                        let shown = &finals[first + row.start..first + row.end];
                        witness.check_seen(&format!("{what}, final"), shown, &last[row]);
                    }
                }
                witness.returns.0.extend(witness.running);
                let (_, deviation) = witness.returns.mean_and_deviation();
                for (lane, &reward) in rewards.iter().enumerate() {
                    let paid = rollout.rewards[own.start + lane];
                    check_near(&format!("{what} reward {lane}"), paid, f64::from(reward) / deviation);
                }
            }
            witness.check_seen("the last observation", &seen[rollout.steps * size..], &raw);
        }
    }
    assert!(ends > 20, "episodes end: {ends}");
}

/// The statistics at the end of a run.
fn statistics(text: &str) -> Normalization {
    let starling = Starling::new();
    let pipeline = starling
        .load(&origin(text), &Overrides::default())
        .unwrap_or_else(|p| panic!("{p}"));
    let mut app = starling.world(&pipeline).unwrap_or_else(|p| panic!("{p}"));
    run_ticks(&mut app, Limits::default(), |_| {});
    let world = app.world_mut();
    world
        .query::<&Normalization>()
        .single(world)
        .expect("one agent")
        .clone()
}

#[test]
fn normalize_statistics_stand_still_in_evaluations() {
    let scored = format!("{SWINGERS}\n[evaluate.e]\nenvironment = \"pendulum\"\nepisodes = 5\nat = {{ every = 1 }}\n");
    assert_eq!(statistics(SWINGERS), statistics(&scored));
    // Without a learner nothing is counted at all.
    let frozen: Vec<&str> = SWINGERS
        .lines()
        .filter(|line| !line.starts_with("learner") && !line.starts_with("optimizer"))
        .collect();
    let frozen = statistics(&frozen.join("\n"));
    assert_eq!(frozen.replicas[0].observations.mean, [0.0; WIDTH]);
    assert_eq!(frozen.replicas[0].returns.variance, [1.0]);
}

/// `change` turns the pipeline into one that is refused at `key` with `message`.
fn check_refused(change: &[(&str, &str)], key: &str, message: &str) {
    let text = change.iter().fold(SWINGERS.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let starling = Starling::new();
    let problems = match starling.load(&origin(&text), &Overrides::default()) {
        Err(problems) => problems,
        Ok(pipeline) => match starling.world(&pipeline) {
            Err(problems) => problems,
            Ok(_) => panic!("a pipeline that should be refused was built: {message}"),
        },
    };
    let told = problems.to_string();
    assert!(told.contains(message) && told.contains(key), "{told}");
}

#[test]
fn normalize_is_refused_where_it_makes_no_sense() {
    check_refused(
        &[("observations = true, rewards = true", "observations = false")],
        "normalize",
        "nothing is normalised",
    );
    check_refused(&[("gamma = 0.9 }", "gamma = 1.5 }")], "gamma", "1.5");
    check_refused(
        &[("replicas       = 2", "replicas = 2\nreward = { shaped = 1.0 }")],
        "rewards",
        "shaped rewards are paid beside them",
    );
    let kitchen = [
        ("rules.pendulum = { max_steps = 13 }", "rules.overcooked_v2 = {}"),
        ("seats = [\"swinger\"]", "seats = [\"swinger\", \"swinger\"]"),
    ];
    check_refused(&kitchen, "normalize", "bytes");
    let pair = [
        ("rules.pendulum = { max_steps = 13 }", "rules.overcooked_v2 = {}"),
        ("seats = [\"swinger\"]", "seats = [\"swinger\", \"other\"]"),
        ("[agent.swinger]", "[agent.other]\nscript = \"random\"\n[agent.swinger]"),
    ];
    check_refused(&pair, "normalize", "fills every seat");
    let script = [
        (
            "policy         = { heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }",
            "script = \"random\"",
        ),
        (
            "learner.ppo    = { steps = 10, epochs = 1, minibatches = 2, bootstrap_truncation = true }",
            "",
        ),
        ("optimizer.adam = { rate = 1e-2 }", ""),
    ];
    check_refused(&script, "normalize", "a script sees");
    let twice = [(
        "[agent.swinger]",
        "[environment.second]\nrules.pendulum = {}\nlanes = 2\nseats = [\"swinger\"]\n[agent.swinger]",
    )];
    check_refused(&twice, "normalize", "environment.second");
}

/// Values every row by its last element.
struct Mirror;

impl Act for Mirror {
    fn act(&self, _: &[f32], _: &ActInput<'_>, _: &mut ActOutput<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn values(&self, _: &[f32], input: &ActInput<'_>, values: &mut [f32]) -> Result<(), Fault> {
        let Observations::Floats(rows) = input.observations else {
            return Err(Fault::run("floats only"));
        };
        values.copy_from_slice(&[rows[1], rows[3]]);
        Ok(())
    }
}

#[test]
fn normalize_players_elsewhere_look_through_the_statistics_of_their_replica() {
    let replica = |mean: f64, variance: f64| ReplicaNormalization {
        observations: Moments {
            mean: vec![0.0, mean],
            variance: vec![1.0, variance],
            count: 100.0,
        },
        returns: Moments::new(1),
        running: Vec::new(),
    };
    let mut normalization = Normalization {
        observations: true,
        rewards: true,
        gamma: 0.9,
        frozen: false,
        replicas: vec![replica(1.0, 1.0), replica(-2.0, 4.0)],
    };
    let input = ActInput {
        observations: Observations::Floats(&[7.0, 1.0, 7.0, -2.0]),
        legal: None,
        carry: &[],
        ids: &[0, 1],
        time: 0,
        key: Key::of_seed(0),
        greedy: true,
        explore: 0.0,
    };
    let mut values = [0.0; 2];
    for (index, expected) in [[0.0, -3.0], [1.5, 0.0]].into_iter().enumerate() {
        let policy = Normalised::of(&Mirror, Some(&normalization), index).expect("observations are normalised");
        policy.values(&[], &input, &mut values).expect("floats");
        for (got, want) in values.into_iter().zip(expected) {
            check_near(&format!("replica {index}"), got, want);
        }
    }
    let bytes = ActInput {
        observations: Observations::Bytes(&[1, 2, 3, 4]),
        ..input
    };
    let policy = Normalised::of(&Mirror, Some(&normalization), 0).expect("observations are normalised");
    assert!(policy.values(&[], &bytes, &mut values).is_err());
    normalization.observations = false;
    assert!(
        Normalised::of(&Mirror, Some(&normalization), 0).is_none(),
        "it sees what is there"
    );
}
