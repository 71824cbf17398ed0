//! A Slurm job array. The state of a batch is that of its run directories; Slurm is asked only what it has queued.
//!
//! A job is told to commit before its time limit (`--signal`), leaves with the code for "interrupted" and asks to be queued again, as it does
//! when it is preempted. A job that Slurm has forgotten is submitted again by `starling batch resume`.

use super::executor::{self, Options};
use super::{Folder, Job};
use crate::commands::Context;
use crate::exit::Exit;
use crate::problem::Problems;
use serde::{Deserialize, Serialize};
use starling_components::Fault;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// Slurm's own default, where the cluster does not say.
const USUAL_ARRAY: u32 = 1001;

/// An array that was submitted: kept in the batch as `slurm/<id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Submitted {
    id: u64,
    /// Job n of the array is job n + `offset` of the batch.
    offset: usize,
}

/// One call of sbatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Array {
    offset: usize,
    /// As `--array` takes it.
    indices: String,
}

/// Submits every job that is neither done nor queued.
///
/// # Errors
/// Slurm is not there, or refuses.
pub(crate) fn submit(context: Context, folder: &Folder, options: &Options) -> Result<Exit, Problems> {
    let queued = queued(folder)?;
    let jobs: Vec<Job> = executor::open_jobs(folder)
        .into_iter()
        .filter(|job| !queued.contains_key(&job.index))
        .collect();
    for job in &jobs {
        let _ = std::fs::remove_file(folder.failure(&job.name)); // asked to start again
    }
    let script = write_script(folder, options)?;
    let _ = std::fs::remove_file(cancelled(folder));
    for array in arrays(&jobs, max_array(options), options.workers) {
        let mut command = Command::new("sbatch");
        command.arg("--parsable").arg(format!("--array={}", array.indices));
        command.arg(&script).arg(array.offset.to_string());
        let answer = answer(command)?;
        let id = answer.trim().split(';').next().and_then(|id| id.parse().ok());
        let id: u64 = id.ok_or_else(|| Fault::run(format!("sbatch answered `{}`", answer.trim())))?;
        let text = serde_json::to_string(&Submitted {
            id,
            offset: array.offset,
        })
        .map_err(|e| Fault::storage(format!("failed to write JSON: {e}")))?;
        starling_record::write_whole(&folder.dir.join("slurm").join(format!("{id}.json")), text.as_bytes())?;
        context.talk(&format!("submitted job {id}, array {}", array.indices));
    }
    let here = folder.dir.display();
    let again = queued.len();
    context.talk(&format!(
        "{} jobs submitted, {again} were queued already; look again: starling batch status {here}",
        jobs.len()
    ));
    Ok(Exit::Finished)
}

/// The script and the calls, as they would be made.
///
/// # Errors
/// The program does not know where it lies.
pub(crate) fn dry_run(folder: &Folder, jobs: &[Job], options: &Options) -> Result<String, Fault> {
    let mut text = script(folder, options)?;
    for array in arrays(jobs, max_array(options), options.workers) {
        let path = quoted(&script_path(folder).display().to_string());
        text += &format!(
            "# sbatch --parsable --array={} {path} {}\n",
            array.indices, array.offset
        );
    }
    Ok(text)
}

/// A job that Slurm has queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Queued {
    /// The array that it belongs to.
    array: u64,
    /// What Slurm says about it.
    pub(crate) state: String,
}

/// What Slurm has queued of this batch, by the number of the job in the batch.
///
/// # Errors
/// Slurm is not there.
pub(crate) fn queued(folder: &Folder) -> Result<BTreeMap<usize, Queued>, Fault> {
    let submitted = submitted(folder);
    let mut found = BTreeMap::new();
    if submitted.is_empty() {
        return Ok(found);
    }
    let mut command = Command::new("squeue");
    command.args(["--noheader", "--array", "--format=%F|%K|%T|%r"]);
    for line in answer(command)?.lines() {
        let mut words = line.trim().split('|');
        let (id, index) = (
            words.next().and_then(|w| w.parse().ok()),
            words.next().and_then(|w| w.parse::<usize>().ok()),
        );
        let (state, reason) = (words.next().unwrap_or(""), words.next().unwrap_or("None"));
        let array = submitted.iter().find(|array| Some(array.id) == id);
        if let (Some(array), Some(index)) = (array, index) {
            let why = if reason == "None" {
                String::new()
            } else {
                format!(" ({reason})")
            };
            let state = format!("{}{why}", state.to_lowercase());
            found.insert(index + array.offset, Queued { array: array.id, state });
        }
    }
    Ok(found)
}

/// Takes everything of this batch out of the queue; running jobs are asked to commit first. Gives how many arrays there were.
///
/// # Errors
/// Slurm is not there, or refuses.
pub(crate) fn cancel(folder: &Folder) -> Result<usize, Fault> {
    // Slurm refuses arrays that it has forgotten, so only those are named of which something is queued.
    let live: BTreeSet<u64> = queued(folder)?.into_values().map(|job| job.array).collect();
    starling_record::write_whole(&cancelled(folder), b"")?;
    for array in &live {
        let mut command = Command::new("scancel");
        command.arg(array.to_string());
        answer(command)?;
    }
    Ok(live.len())
}

fn submitted(folder: &Folder) -> Vec<Submitted> {
    let entries = std::fs::read_dir(folder.dir.join("slurm"));
    let read = |entry: std::fs::DirEntry| serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok();
    let mut all: Vec<Submitted> = entries.into_iter().flatten().flatten().filter_map(read).collect();
    all.sort_by_key(|array| array.id);
    all
}

/// Calls with at most `most` jobs each, `at_once` of which run at the same time.
fn arrays(jobs: &[Job], most: u32, at_once: Option<u16>) -> Vec<Array> {
    let most = most.max(1) as usize;
    let mut chunks: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for job in jobs {
        chunks.entry(job.index / most * most).or_default().push(job.index);
    }
    let array = |(offset, indices): (usize, Vec<usize>)| {
        let limit = at_once.map_or(String::new(), |n| format!("%{n}"));
        let indices: Vec<usize> = indices.into_iter().map(|index| index - offset).collect();
        Array {
            offset,
            indices: format!("{}{limit}", ranges(&indices)),
        }
    };
    chunks.into_iter().map(array).collect()
}

/// `0-3,7`.
fn ranges(rising: &[usize]) -> String {
    let mut words: Vec<(usize, usize)> = Vec::new();
    for &index in rising {
        match words.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => words.push((index, index)),
        }
    }
    let word = |(first, last): (usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    words.into_iter().map(word).collect::<Vec<_>>().join(",")
}

fn max_array(options: &Options) -> u32 {
    let configured = || {
        let mut command = Command::new("scontrol");
        command.args(["show", "config"]);
        let text = answer(command).ok()?;
        let line = text.lines().find(|line| line.starts_with("MaxArraySize"))?;
        line.split('=').nth(1)?.trim().parse().ok()
    };
    options.max_array.or_else(configured).unwrap_or(USUAL_ARRAY)
}

/// Whose presence keeps jobs from asking to be queued again.
fn cancelled(folder: &Folder) -> PathBuf {
    folder.dir.join("slurm").join("cancelled")
}

fn script_path(folder: &Folder) -> PathBuf {
    folder.dir.join("slurm").join("job.sh")
}

fn write_script(folder: &Folder, options: &Options) -> Result<PathBuf, Fault> {
    let path = script_path(folder);
    starling_record::create_folder(&folder.dir.join("slurm"))?;
    starling_record::write_whole(&path, script(folder, options)?.as_bytes())?;
    Ok(path)
}

/// The script that every job of the array runs.
fn script(folder: &Folder, options: &Options) -> Result<String, Fault> {
    // Before the batch is made its folder cannot be resolved yet.
    let dir = std::path::absolute(&folder.dir).unwrap_or_else(|_| folder.dir.clone());
    let threads = options.threads.unwrap_or(1);
    let mut head = vec![
        format!("--job-name={}", folder.batch.pipeline.replace('/', "-")),
        format!("--output={}", dir.join("logs").join("slurm-%A_%a.log").display()),
        "--open-mode=append".to_owned(),
        "--requeue".to_owned(),
        format!("--time={}", options.time),
        format!("--signal=B:USR1@{}", options.margin),
        format!("--cpus-per-task={threads}"),
    ];
    head.extend(options.memory.iter().map(|size| format!("--mem={size}")));
    head.extend(options.partition.iter().map(|name| format!("--partition={name}")));
    head.extend(options.sbatch.iter().cloned());
    let head: String = head.iter().map(|option| format!("#SBATCH {option}\n")).collect();
    let (program, dir) = (executor::program()?, quoted(&dir.display().to_string()));
    let (program, interrupted) = (quoted(&program.display().to_string()), Exit::Interrupted.code());
    Ok(format!(
        r#"#!/bin/bash
{head}
# Job n of the array is job n + $1 of the batch. It goes on from its last commit.
index=$(($1 + SLURM_ARRAY_TASK_ID))
crashes={dir}/slurm/$index.crashes
again() {{ [ -n "$over" ] || [ -e {dir}/slurm/cancelled ] || scontrol requeue "$SLURM_JOB_ID"; }}

{program} batch work {dir} --index "$index" --threads {threads} &
job=$!
# Before the time limit: commit, then leave, and ask to be queued again.
trap 'kill -USR1 "$job" 2>/dev/null' USR1
# Cancelled, or preempted, after which Slurm itself queues it again: commit, then leave.
trap 'over=1; kill -USR1 "$job" 2>/dev/null' TERM
while true; do
    wait "$job"
    code=$?
    # A trap ends `wait` early.
    [ "$code" -gt 128 ] && kill -0 "$job" 2>/dev/null || break
done

if [ "$code" -eq {interrupted} ]; then
    rm -f "$crashes"
    again
elif [ "$code" -gt 128 ]; then
    echo x >>"$crashes"
    [ "$(wc -l <"$crashes")" -le {restarts} ] && again
fi
exit "$code"
"#,
        restarts = options.restarts,
    ))
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn answer(mut command: Command) -> Result<String, Fault> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| {
        let fault = Fault::run(format!("cannot run `{name}`: {e}"));
        fault.advise("this needs a machine from which jobs are submitted; `--executor local` runs here")
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Fault::run(format!("`{name}` refused: {}", said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_cut_into_arrays_that_a_cluster_takes() {
        let job = |index| Job {
            index,
            name: format!("r{index}"),
            ticks: None,
        };
        let jobs: Vec<Job> = [0, 1, 2, 5, 9, 10, 11, 24].map(job).into();
        let of = |most, at_once| {
            arrays(&jobs, most, at_once)
                .into_iter()
                .map(|a| (a.offset, a.indices))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(1001, None), [(0, "0-2,5,9-11,24".to_owned())]);
        assert_eq!(
            of(10, Some(2)),
            [
                (0, "0-2,5,9%2".to_owned()),
                (10, "0-1%2".to_owned()),
                (20, "4%2".to_owned())
            ]
        );
        assert_eq!(arrays(&[], 10, None), []);
    }

    #[test]
    fn words_survive_a_shell() {
        for word in ["plain", "two words", "it's", "$HOME `x` \"y\" \\"] {
            let said = Command::new("bash")
                .arg("-c")
                .arg(format!("printf %s {}", quoted(word)))
                .output()
                .expect("bash");
            assert_eq!(String::from_utf8_lossy(&said.stdout), word);
        }
    }
}
