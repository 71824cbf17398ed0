//! One run over several processes, here threads of this one: the same rows and tensors for any number of ranks, resumed with another number,
//! and what cannot be shared is refused. What real processes add is in `mpi`.

mod bits;
mod pipelines;
mod refused;

use starling::Starling;
use starling::exit::Exit;
use starling::ranks::threads::connected;
use std::path::{Path, PathBuf};

/// A pipeline in a folder of its own, and the runs that are made of it.
struct Bench {
    folder: tempfile::TempDir,
    file: String,
}

impl Bench {
    fn new(pipeline: &str) -> Self {
        // Ranks share the threads of this process, and none of them may be one of those.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(2).build_global();
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("pipeline.toml");
        std::fs::write(&file, pipeline).expect("the pipeline is written");
        let file = file.display().to_string();
        Self { folder, file }
    }

    fn out(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A run by one process that knows nothing of others.
    fn alone(&self, name: &str, options: &[&str]) -> PathBuf {
        let out = self.out(name);
        let mut args = vec!["run", &self.file, "--out", &out];
        args.extend(options);
        assert_eq!(starling(&args), Exit::Finished);
        out.into()
    }

    /// A run by so many ranks.
    fn shared(&self, name: &str, ranks: usize, options: &[&str]) -> (PathBuf, Vec<Exit>) {
        let out = self.out(name);
        let mut args = vec!["run", &self.file, "--out", &out];
        args.extend(options);
        let exits = on_ranks(ranks, &args);
        (out.into(), exits)
    }
}

fn starling(args: &[&str]) -> Exit {
    let program = ["starling", "--quiet"].iter().chain(args);
    Starling::new().run(program.map(std::ffi::OsString::from))
}

/// The same command on every rank: what each of them says.
fn on_ranks(size: usize, args: &[&str]) -> Vec<Exit> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = connected(size)
            .into_iter()
            .map(|ranks| {
                scope.spawn(move || {
                    let program = ["starling", "--quiet"].iter().chain(args);
                    let starling = Starling::new().among(ranks);
                    starling.run(program.map(std::ffi::OsString::from))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no rank panics"))
            .collect()
    })
}

/// `starling diff` finds nothing, both runs are whole, and the comparison was not empty.
fn check_same(a: &Path, b: &Path) {
    let (a, b) = (a.display().to_string(), b.display().to_string());
    assert_eq!(starling(&["diff", &a, &b]), Exit::Finished, "{a} and {b} differ");
    for run in [&a, &b] {
        assert_eq!(starling(&["verify", run]), Exit::Finished);
        let opened = starling_record::Run::open_read_only(Path::new(run), None).expect("a run");
        let rows = &opened.latest_commit().expect("a commit").rows;
        assert!(
            rows.get("episodes").is_some_and(|&rows| rows > 10),
            "a run without episodes proves nothing"
        );
    }
}
