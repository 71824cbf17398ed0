//! Runs on an object store: a real server, the real program, and between them a proxy that holds requests, cuts them and swallows answers.
//!
//! `cargo test --release -p starling-tests --features object-storage --test object_storage`. The server is moto's, from PyPI
//! (`tests/peers/requirements-tables.txt`), in the Python that `STARLING_PYTHON` names.

mod faults;
mod killed;
mod proxy;
mod server;
mod whole;
mod writers;

use server::Server;
use starling_tests::cli::{Ended, Starling};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Stands for what must never be shown.
const SECRET: &str = "hush-this-is-secret";

/// Small parts, so that every commit takes several uploads.
const POLE: &str = r#"
name  = "store/pole"
seed  = 3
until = { env_steps = 3_072 }

[environment.pole]
rules.cart_pole = {}
lanes = 4
seats = ["balancer"]

[agent.balancer]
replicas       = 2
policy         = { activation = "tanh", heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 32 }
optimizer.adam = { rate = 1e-3 }

[record]
trajectories = { every = 4, observations = true }
part_rows    = 200
commit       = { every = 4 }
"#;

/// A pipeline, the run of it that nothing disturbed, and a server with a prefix of its own.
struct Bench {
    _folder: tempfile::TempDir,
    server: &'static Server,
    file: String,
    prefix: String,
}

impl Bench {
    /// `None`, loudly, where there is no server to be had: then the test shows nothing.
    fn new(prefix: &str) -> Option<Self> {
        let server = Server::shared()?;
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("pole.toml");
        std::fs::write(&file, POLE).expect("the pipeline is written");
        Some(Self {
            file: file.display().to_string(),
            _folder: folder,
            server,
            prefix: prefix.to_owned(),
        })
    }

    /// A run on the store.
    fn url(&self, name: &str) -> String {
        format!("s3://{}/{}/{name}", server::BUCKET, self.prefix)
    }

    /// The command `args` with the store at `address`.
    fn command(&self, address: &str, args: &[&str]) -> Command {
        let mut command = Starling(env!("CARGO_BIN_EXE_starling-tests").into()).command(args);
        command
            .env("AWS_ACCESS_KEY_ID", "somebody")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", format!("http://{address}"))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_TIMEOUT", "10s")
            .env("STARLING_STORAGE_PATIENCE", "30");
        for proxy in [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
        ] {
            command.env_remove(proxy);
        }
        command
    }

    fn run_at(&self, address: &str, args: &[&str]) -> Ended {
        ended(&mut self.command(address, args))
    }

    /// The command succeeds, straight at the server.
    fn succeed(&self, args: &[&str]) -> Ended {
        let ended = self.run_at(&self.server.address, args);
        check(&ended, 0, &[]);
        ended
    }

    /// The run on the store is whole, leaves nothing lying about, and is that which nothing disturbed.
    fn check_same(&self, url: &str) {
        let verified = self.succeed(&["verify", url, "--json"]).stdout;
        let verified: serde_json::Value = serde_json::from_str(&verified).expect("JSON");
        assert_eq!(verified["whole"], true, "{verified}");
        assert_eq!(verified["status"], "finished", "{verified}");
        assert_eq!(verified["uncommitted"], serde_json::json!([]), "{verified}");
        self.succeed(&["diff", url, whole_run()]);
    }

    /// Goes on with the run straight at the server; one that was killed before its first commit starts again.
    fn resume_or_start(&self, url: &str) {
        if self.server.names(url).iter().any(|name| name.starts_with("commits/")) {
            self.succeed(&["resume", url]);
        } else {
            self.succeed(&["run", &self.file, "--out", url]);
        }
    }
}

/// The undisturbed run, in a folder; made once.
fn whole_run() -> &'static str {
    static WHOLE: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    let (_, run) = WHOLE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("pole.toml");
        std::fs::write(&file, POLE).expect("the pipeline is written");
        let run = folder.path().join("whole").display().to_string();
        let starling = Starling(env!("CARGO_BIN_EXE_starling-tests").into());
        starling.succeed(&["run", &file.display().to_string(), "--out", &run]);
        let episodes = std::fs::read_dir(Path::new(&run).join("episodes")).map_or(0, Iterator::count);
        assert!(episodes > 3, "a run without episodes proves nothing");
        (folder, run)
    });
    run
}

fn ended(command: &mut Command) -> Ended {
    Ended::from(command.output().expect("the binary starts"))
}

/// The command ended with `code`, its message says all of `words`, and nothing secret.
fn check(ended: &Ended, code: i32, words: &[&str]) {
    let all = format!("{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, Some(code), "{all}");
    for word in words {
        assert!(ended.stderr.contains(word), "no `{word}` in:\n{all}");
    }
    assert!(!all.contains("panicked"), "a panic:\n{all}");
    assert!(!all.contains(SECRET), "a secret:\n{all}");
}
