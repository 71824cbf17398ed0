//! A server in trouble: what passes is waited for, what does not stops the run with everything kept that was committed.

use super::{Bench, check};
use crate::proxy::{Action, Proxy};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// True the first, the third, the fifth time that it meets `text`.
fn odd(met: &Mutex<BTreeSet<String>>, text: &str) -> bool {
    let mut met = met.lock().expect("no panic");
    let odd = met.insert(text.to_owned());
    if !odd {
        met.remove(text);
    }
    odd
}

#[test]
fn object_storage_errors_and_broken_connections_are_tried_again() {
    let Some(bench) = Bench::new("trouble") else { return };
    let url = bench.url("run");
    let met = Mutex::new(BTreeSet::new());
    // Every request has trouble the first time, each in its own way, and whoever asks for the same later has it too.
    let proxy = Proxy::start(&bench.server.address, move |request| {
        if !odd(&met, &format!("{} {}", request.method, request.target)) {
            return Action::Pass;
        }
        match request.number % 6 {
            0 => Action::Status("503 Slow Down"),
            1 => Action::Status("500 Internal Server Error"),
            2 => Action::CutHalfway,
            3 => Action::SwallowAnswer,
            4 => Action::Refuse,
            _ => Action::Pass,
        }
    });
    let ended = bench.run_at(&proxy.address, &["run", &bench.file, "--out", &url]);
    check(&ended, 0, &[]);
    let disturbed = proxy.disturbed.try_iter().count();
    assert!(disturbed > 30, "only {disturbed} requests had trouble");
    bench.check_same(&url);
}

/// The server made the commit and its answer was lost: asked again it says that there is one already. It is ours.
#[test]
fn object_storage_a_lost_answer_is_no_second_writer() {
    let Some(bench) = Bench::new("lost") else { return };
    for (name, action) in [("swallowed", Action::SwallowAnswer), ("cut", Action::CutHalfway)] {
        let url = bench.url(name);
        let met = Mutex::new(BTreeSet::new());
        let proxy = Proxy::start(&bench.server.address, move |request| {
            let once = (request.puts("commits/") || request.puts("pipeline.toml")) && odd(&met, &request.target);
            if once { action.clone() } else { Action::Pass }
        });
        let ended = bench.run_at(&proxy.address, &["run", &bench.file, "--out", &url]);
        check(&ended, 0, &[]);
        let disturbed = proxy.disturbed.try_iter().count();
        let commits = bench
            .server
            .names(&url)
            .iter()
            .filter(|name| name.starts_with("commits/"))
            .count();
        // The pipeline goes up twice: the second time to see that the server refuses it.
        assert_eq!(disturbed, commits + 2);
        bench.check_same(&url);
    }
}

#[test]
fn object_storage_gone_for_good_stops_the_run_and_keeps_what_was_committed() {
    let Some(bench) = Bench::new("gone") else { return };
    // What goes is the whole server, or what it does with one kind of file.
    for (name, part, action) in [
        ("server", "", Action::Refuse),
        ("parts", ".parquet", Action::Status("503 Slow Down")),
        ("checkpoints", "checkpoints/", Action::CutHalfway),
        ("commits", "commits/", Action::Status("500 Internal Server Error")),
        // Each of its commits is there, and it never hears so.
        ("answers", "", Action::SwallowAnswer),
    ] {
        let url = bench.url(name);
        let (begun, after) = (AtomicBool::new(false), format!("{name}/commits/000002.json"));
        let proxy = Proxy::start(&bench.server.address, move |request| {
            let gone = begun.load(Ordering::SeqCst) && request.target.contains(part);
            if request.puts(&after) {
                begun.store(true, Ordering::SeqCst);
            }
            if gone { action.clone() } else { Action::Pass }
        });
        let mut command = bench.command(&proxy.address, &["run", &bench.file, "--out", &url]);
        let ended = super::ended(command.env("STARLING_STORAGE_PATIENCE", "1"));
        let words = [
            "everything up to tick",
            "is safe",
            "see that the store can be reached",
            "starling resume s3://",
        ];
        check(&ended, 5, &words);
        let names = bench.server.names(&url);
        assert!(names.contains(&"commits/000002.json".to_owned()), "{names:?}");
        bench.succeed(&["verify", &url]);
        bench.succeed(&["resume", &url]);
        bench.check_same(&url);
    }
}

#[test]
fn object_storage_that_cannot_be_reached_is_told() {
    let Some(bench) = Bench::new("away") else { return };
    // A port that nobody listens on any more.
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").to_string()
    };
    let url = bench.url("run");
    for args in [
        &["run", &bench.file, "--out", &url][..],
        &["resume", &url],
        &["show", &url],
        &["verify", &url],
    ] {
        let mut command = bench.command(&nobody, args);
        check(&super::ended(command.env("STARLING_STORAGE_PATIENCE", "1")), 5, &[&url]);
    }
}
