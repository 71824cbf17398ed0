//! A door to the command line: the tests' own binary is `starling` plus the game from outside the tree.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// How a finished command ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Everything on stdout.
    pub stdout: String,
    /// Everything on stderr.
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// A binary to test, with plain output.
#[derive(Debug, Clone)]
pub struct Starling(pub PathBuf);

impl Starling {
    /// The command with `args`, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.args(args).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn run(&self, args: &[&str]) -> Ended {
        Ended::from(self.command(args).output().expect("the binary starts"))
    }

    /// Runs to the end and insists on exit code 0.
    pub fn succeed(&self, args: &[&str]) -> Ended {
        let ended = self.run(args);
        assert_eq!(
            ended.code,
            Some(0),
            "`starling {}` failed:\n{}\n{}",
            args.join(" "),
            ended.stdout,
            ended.stderr
        );
        ended
    }

    /// Starts, and kills with SIGKILL after `delay` unless it ended before. True if it was killed.
    pub fn kill_after(&self, args: &[&str], delay: Duration) -> bool {
        let mut command = self.command(args);
        let mut child: Child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(delay);
        let running = child.try_wait().expect("the child can be waited for").is_none();
        child.kill().ok();
        child.wait().expect("the child can be waited for");
        running
    }
}

/// Commits of the run in `dir`. The temporary file of one that is being written is none.
pub fn commits(dir: &Path) -> usize {
    let json = |entry: &std::fs::DirEntry| entry.path().extension().is_some_and(|e| e == "json");
    std::fs::read_dir(dir.join("commits")).map_or(0, |entries| entries.flatten().filter(json).count())
}

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
