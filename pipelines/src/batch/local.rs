//! A pool of processes on this machine, with a share of the cores each, and one progress display for all.

use super::executor::{self, Options};
use super::state::{JobState, StateKind};
use super::{Folder, Job};
use crate::commands::Context;
use crate::engine::Signals;
use crate::exit::Exit;
use crate::problem::Problems;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::{Pid, Signal, kill_process};
use starling_components::Fault;
use starling_components::fault::FaultKind;
use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const LOCK: &str = "lock";
/// How often children are looked at. Nothing that is recorded depends on it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the progress on a terminal moves; it is read from commits.
const SHOW_EVERY: Duration = Duration::from_secs(1);
/// How often a log gets a line.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Runs every job that is not done, and waits for all.
///
/// # Errors
/// Another process runs this batch, or processes cannot be started.
pub(crate) fn run(context: Context, folder: &Folder, options: &Options) -> Result<Exit, Problems> {
    let _lock = lock(folder)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = executor::open_jobs(folder);
    let workers = options.workers.map_or(cores, usize::from).min(jobs.len().max(1));
    let threads = options.threads.map_or((cores / workers).max(1), usize::from);
    for job in &jobs {
        let _ = std::fs::remove_file(folder.failure(&job.name)); // asked to start again
    }
    context.talk(&format!(
        "{}: {} of {} jobs to do, {workers} at a time with {threads} thread{} each",
        folder.dir.display(),
        jobs.len(),
        folder.batch.jobs().len(),
        if threads == 1 { "" } else { "s" },
    ));
    let mut pool = Pool {
        folder,
        threads,
        restarts: options.restarts,
        waiting: jobs.into_iter().map(|job| Attempt { job, strikes: 0 }).collect(),
        running: Vec::new(),
        given_up: Vec::new(),
    };
    let signals = Signals::listen()?;
    let mut display = Display::new(context, folder);
    let mut stopping = false;
    while !(pool.running.is_empty() && (stopping || pool.waiting.is_empty())) {
        if signals.asked() && !stopping {
            stopping = true;
            context.talk("stopping: every job commits its tick and leaves");
            pool.stop();
        }
        if !stopping {
            pool.fill(workers)?;
        }
        std::thread::sleep(LOOK_EVERY);
        pool.reap(context, stopping)?;
        display.show(&pool);
    }
    display.end();
    Ok(last_words(context, folder, stopping, &pool.given_up))
}

/// Asks whoever runs this batch on this machine to stop. `false`: nobody does.
///
/// # Errors
/// It cannot be asked.
pub(crate) fn cancel(folder: &Folder) -> Result<bool, Fault> {
    let Ok(file) = File::open(folder.dir.join(LOCK)) else {
        return Ok(false);
    };
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return Ok(false);
    }
    let text = std::fs::read_to_string(folder.dir.join(LOCK)).unwrap_or_default();
    let (pid, host) = text.trim().split_once(" on ").unwrap_or((text.trim(), ""));
    // On a shared file system the number may be that of a stranger here.
    let pid = pid
        .parse::<i32>()
        .ok()
        .filter(|_| host == machine())
        .and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Fault::run(format!("`{host}` runs this batch: stop it there")))?;
    kill_process(pid, Signal::TERM).map_err(|e| Fault::run(format!("cannot stop process {pid:?}: {e}")))?;
    Ok(true)
}

fn lock(folder: &Folder) -> Result<File, Fault> {
    let path = folder.dir.join(LOCK);
    let unwritable = |e: std::io::Error| Fault::storage(format!("failed to open `{}`: {e}", path.display()));
    let open = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let mut file = open.map_err(unwritable)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let owner = std::fs::read_to_string(&path).unwrap_or_default();
            let message = format!("another process ({}) runs `{}`", owner.trim(), folder.dir.display());
            return Err(Fault::new(FaultKind::Fenced, message).advise("`starling batch status` shows how far it is"));
        }
        // A file system without locks: the runs' own commits keep a second writer off.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{} on {}", std::process::id(), machine()))
        .map_err(unwritable)?;
    Ok(file)
}

/// This machine's name, as locks hold it.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// A job that waits for its turn.
struct Attempt {
    job: Job,
    /// Starts in a row that ended badly without a new commit.
    strikes: u32,
}

/// A job with a process.
struct Running {
    attempt: Attempt,
    child: Child,
    /// Ticks that were committed when it was started.
    from: u64,
}

struct Pool<'a> {
    folder: &'a Folder,
    threads: usize,
    restarts: u32,
    waiting: VecDeque<Attempt>,
    running: Vec<Running>,
    given_up: Vec<(String, String)>,
}

impl Pool<'_> {
    fn fill(&mut self, workers: usize) -> Result<(), Fault> {
        while self.running.len() < workers {
            let Some(attempt) = self.waiting.pop_front() else { break };
            let child = self.start(&attempt.job)?;
            let from = JobState::of(self.folder, &attempt.job).tick;
            self.running.push(Running { attempt, child, from });
        }
        Ok(())
    }

    fn start(&self, job: &Job) -> Result<Child, Fault> {
        let path = self.folder.log(&job.name);
        let log = File::options().create(true).append(true).open(&path);
        let unwritable = |e: std::io::Error| Fault::storage(format!("failed to open `{}`: {e}", path.display()));
        let log = log.map_err(unwritable)?;
        let same = log.try_clone().map_err(unwritable)?;
        let mut command = Command::new(executor::program()?);
        command.args(["batch", "work"]).arg(&self.folder.dir);
        command.args([
            "--index",
            &job.index.to_string(),
            "--threads",
            &self.threads.to_string(),
        ]);
        command.args(["--parent", &std::process::id().to_string()]);
        // A group of its own: a Ctrl-C is for the pool, which passes it on.
        command.stdin(Stdio::null()).stdout(log).stderr(same).process_group(0);
        command
            .spawn()
            .map_err(|e| Fault::run(format!("cannot start a process for `{}`: {e}", job.name)))
    }

    fn stop(&self) {
        for running in &self.running {
            if let Some(pid) = i32::try_from(running.child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::TERM); // it may have ended at this moment
            }
        }
    }

    fn reap(&mut self, context: Context, stopping: bool) -> Result<(), Fault> {
        let mut at = 0;
        while at < self.running.len() {
            let ended = self.running[at].child.try_wait();
            match ended.map_err(|e| Fault::run(format!("cannot wait for a process: {e}")))? {
                None => at += 1,
                Some(status) => {
                    let running = self.running.swap_remove(at);
                    self.ended(context, running, status, stopping);
                }
            }
        }
        Ok(())
    }

    fn ended(&mut self, context: Context, running: Running, status: ExitStatus, stopping: bool) {
        let Running { attempt, from, .. } = running;
        let Attempt { job, strikes } = attempt;
        let state = JobState::of(self.folder, &job);
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "unknown".to_owned(),
        };
        match state.kind {
            StateKind::Finished => return,
            StateKind::Failed | StateKind::Damaged => {
                context.talk(&format!("{}: {}", job.name, state.problem.unwrap_or(how)));
                return;
            }
            _ if stopping => return,
            _ => {}
        }
        // Whoever makes commits gets on, however often it is stopped or killed.
        let strikes = if state.tick > from { 0 } else { strikes + 1 };
        if strikes > self.restarts {
            let log = self.folder.log(&job.name);
            context.talk(&format!(
                "{}: given up after {strikes} starts without a commit ({how}); see {}",
                job.name,
                log.display()
            ));
            if status.code() == Some(i32::from(Exit::Storage.code())) && !self.waiting.is_empty() {
                let left = self.waiting.len();
                context.talk(&format!("the storage fails: {left} jobs are not started"));
                self.waiting.clear();
            }
            self.given_up.push((job.name, how));
            return;
        }
        context.talk(&format!(
            "{}: ended at tick {} ({how}), started again",
            job.name, state.tick
        ));
        self.waiting.push_back(Attempt { job, strikes });
    }
}

/// One progress for all jobs.
struct Display<'a> {
    context: Context,
    folder: &'a Folder,
    jobs: Vec<Job>,
    bar: Option<ProgressBar>,
    shown: Option<Instant>,
}

impl<'a> Display<'a> {
    fn new(context: Context, folder: &'a Folder) -> Self {
        let bar = context.animated().then(|| {
            let bar = ProgressBar::new(1000);
            let style = ProgressStyle::with_template("{wide_bar} {percent} %\n{msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            context,
            folder,
            jobs: folder.batch.jobs(),
            bar,
            shown: None,
        }
    }

    fn show(&mut self, pool: &Pool<'_>) {
        let every = if self.bar.is_some() { SHOW_EVERY } else { LINE_EVERY };
        let now = Instant::now();
        if self.shown.is_some_and(|shown| now.duration_since(shown) < every) {
            return;
        }
        let first = self.shown.replace(now).is_none();
        let states: Vec<JobState> = self.jobs.iter().map(|job| JobState::of(self.folder, job)).collect();
        let part = states.iter().map(JobState::progress).sum::<f64>() / states.len().max(1) as f64;
        let running = pool.running.iter().map(|running| {
            let state = &states[running.attempt.job.index];
            format!("{} {}/{}", running.attempt.job.name, state.tick, state.ticks)
        });
        let line = format!("{}: {}", counts(&states), running.collect::<Vec<_>>().join(", "));
        match &self.bar {
            Some(bar) => {
                bar.set_position((part * 1000.0) as u64);
                bar.set_message(line);
            }
            None if !first => self.context.talk(&format!("{:.0} %, {line}", part * 100.0)),
            None => {}
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `3 finished, 2 running`.
pub(crate) fn counts(states: &[JobState]) -> String {
    let count = |kind: StateKind| {
        let count = states.iter().filter(|state| state.kind == kind).count();
        (count > 0).then(|| format!("{count} {}", kind.name()))
    };
    StateKind::ALL
        .into_iter()
        .filter_map(count)
        .collect::<Vec<_>>()
        .join(", ")
}

fn last_words(context: Context, folder: &Folder, stopped: bool, given_up: &[(String, String)]) -> Exit {
    let jobs = folder.batch.jobs();
    let states: Vec<JobState> = jobs.iter().map(|job| JobState::of(folder, job)).collect();
    let here = folder.dir.display();
    context.talk(&format!("{here}: {}", counts(&states)));
    if states.iter().all(|state| state.kind == StateKind::Finished) {
        if folder.batch.runs.iter().any(|run| !run.parts.is_empty()) {
            context.talk(&format!("join the parts with: starling batch join {here}"));
        }
        return Exit::Finished;
    }
    if stopped {
        context.talk(&format!("go on with: starling batch resume {here}"));
        return Exit::Interrupted;
    }
    context.talk(&format!(
        "see what happened: starling batch status {here}; try again: starling batch resume {here}"
    ));
    let storage = Exit::Storage.code();
    let full = |(_, how): &(String, String)| *how == format!("exit code {storage}");
    if given_up.iter().any(full) {
        Exit::Storage
    } else {
        Exit::Failed
    }
}
