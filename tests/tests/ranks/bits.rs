//! The same bits, whoever computes them.

use crate::pipelines::{COOKS, EVOLUTION, RECURRENT, STAGES};
use crate::{Bench, check_same, on_ranks};
use starling::exit::Exit;
use starling_components::persist::TensorData;

/// Runs the pipeline by one process and by so many ranks.
fn check(pipeline: &str, sizes: &[usize]) {
    let bench = Bench::new(pipeline);
    let alone = bench.alone("alone", &[]);
    for &size in sizes {
        let (shared, exits) = bench.shared(&format!("by-{size}"), size, &[]);
        assert_eq!(exits, vec![Exit::Finished; size]);
        check_same(&alone, &shared);
    }
}

#[test]
fn ranks_do_not_change_what_cooks_learn_and_record() {
    check(COOKS, &[1, 2, 3, 4]);
}

#[test]
fn ranks_do_not_change_what_agents_with_a_memory_learn() {
    check(RECURRENT, &[2, 3, 4]);
}

#[test]
fn ranks_end_stages_and_pick_parameters_together() {
    check(STAGES, &[2, 3]);
}

#[test]
fn ranks_share_the_members_of_an_evolution() {
    check(EVOLUTION, &[2, 3, 7]);
}

#[test]
fn an_evolution_goes_on_where_it_was() {
    let bench = Bench::new(EVOLUTION);
    let alone = bench.alone("alone", &[]);
    let (shared, exits) = bench.shared("shared", 3, &["--ticks", "2"]);
    assert_eq!(exits, vec![Exit::Interrupted; 3]);
    let run = shared.display().to_string();
    assert_eq!(crate::starling(&["resume", &run, "--ticks", "2"]), Exit::Interrupted);
    assert_eq!(on_ranks(2, &["resume", &run]), vec![Exit::Finished; 2]);
    check_same(&alone, &shared);
}

#[test]
fn a_replica_of_an_evolution_is_the_same_alone() {
    let bench = Bench::new(EVOLUTION);
    let both = bench.alone("both", &[]);
    let one = "{first=1,count=1}";
    let changes = [
        format!("agent.cook.replicas={one}"),
        format!("agent.helper.replicas={one}"),
    ];
    let alone = bench.alone("alone", &["--set", &changes[0], "--set", &changes[1]]);
    let parameters = |run: &std::path::Path, index: usize| {
        let run = starling_record::Run::open_read_only(run, None).expect("a run");
        let commit = run.latest_commit().expect("a commit").clone();
        let snapshot = starling_record::checkpoint::read(&run, &commit).expect("a checkpoint");
        let own = snapshot
            .tensors
            .into_iter()
            .filter(|(name, _)| name.starts_with("agent.cook/parameters"));
        own.map(|(name, tensor)| {
            let TensorData::F32(values) = tensor.data else {
                panic!("{name} holds floats")
            };
            let each = values.len() / tensor.shape[0];
            (name, values[index * each..(index + 1) * each].to_vec())
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(parameters(&both, 1), parameters(&alone, 0));
    assert_ne!(parameters(&both, 0), parameters(&both, 1));
}

#[test]
fn ranks_stop_together_and_others_go_on() {
    let bench = Bench::new(COOKS);
    let alone = bench.alone("alone", &[]);
    let (shared, exits) = bench.shared("shared", 3, &["--ticks", "2"]);
    assert_eq!(exits, vec![Exit::Interrupted; 3]);
    let run = shared.display().to_string();
    assert_eq!(
        on_ranks(4, &["resume", &run, "--ticks", "3"]),
        vec![Exit::Interrupted; 4]
    );
    assert_eq!(crate::starling(&["resume", &run, "--ticks", "2"]), Exit::Interrupted);
    assert_eq!(on_ranks(2, &["resume", &run]), vec![Exit::Finished; 2]);
    check_same(&alone, &shared);
}

#[test]
fn shards_are_part_of_the_recipe() {
    let bench = Bench::new(COOKS);
    let four = bench.alone("four", &[]);
    let two = bench.alone("two", &["--set", "agent.chef.learner.ppo.shards=2"]);
    let (four, two) = (four.display().to_string(), two.display().to_string());
    assert_eq!(crate::starling(&["diff", &four, &two]), Exit::Failed);
}

#[test]
fn every_rank_says_how_much_it_sent() {
    let bench = Bench::new(COOKS);
    let (shared, _) = bench.shared("shared", 3, &[]);
    let run = starling_record::Run::open_read_only(&shared, None).expect("a run");
    let rows = &run.latest_commit().expect("a commit").rows;
    assert_eq!(rows.get("messages"), Some(&30), "3 ranks in 10 ticks");
    let alone = bench.alone("alone", &[]);
    let run = starling_record::Run::open_read_only(&alone, None).expect("a run");
    assert_eq!(run.latest_commit().expect("a commit").rows.get("messages"), None);
}
