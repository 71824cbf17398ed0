//! A Kubernetes Indexed Job, as JSON, which `kubectl apply -f` reads as it reads YAML. The batch lies on a volume that every pod mounts.

use super::Folder;
use crate::exit::Exit;
use clap::Args;
use serde_json::{Value, json};

/// What the manifest needs to know about the cluster.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Kubernetes: container image with `starling` in its path
    #[arg(long, value_name = "IMAGE", default_value = "starling:latest")]
    image: String,
    /// Kubernetes: claim of the volume that holds the batch
    #[arg(long, value_name = "CLAIM", default_value = "starling-runs")]
    claim: String,
    /// Kubernetes: where pods mount the volume; the batch's folder is looked for below it
    #[arg(long, value_name = "DIR", default_value = "/starling")]
    mount: String,
    /// Kubernetes: memory of a pod, e.g. 2Gi; what the largest job needs if not given
    #[arg(long, value_name = "SIZE")]
    pod_memory: Option<String>,
}

/// The manifest: one index per job, `workers` pods at a time with `threads` cores each. `memory` is what the largest job needs, in bytes.
pub(crate) fn manifest(
    folder: &Folder,
    options: &Options,
    workers: Option<u16>,
    threads: u16,
    restarts: u32,
    memory: u64,
) -> Value {
    let jobs = folder.batch.jobs().len();
    // The program itself beside what it allocates.
    let memory = options
        .pod_memory
        .clone()
        .unwrap_or_else(|| format!("{}Mi", (memory >> 20) + 256));
    let name = folder
        .dir
        .file_name()
        .map_or_else(|| "starling".to_owned(), |name| name.to_string_lossy().into_owned());
    let dir = format!("{}/{}", options.mount.trim_end_matches('/'), folder.dir.display());
    let resources = json!({ "cpu": threads.to_string(), "memory": memory });
    let hopeless = [Exit::Failed, Exit::BadInput, Exit::Records].map(Exit::code);
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": label(&name), "labels": { "app": "starling", "pipeline": label(&folder.batch.pipeline) } },
        "spec": {
            "completionMode": "Indexed",
            "completions": jobs,
            "parallelism": workers.map_or(jobs, usize::from).min(jobs),
            "backoffLimitPerIndex": restarts,
            "podFailurePolicy": {
                "rules": [
                    // Asked to leave, by a drain or a preemption: it committed and goes on.
                    { "action": "Ignore", "onExitCodes": { "containerName": "starling", "operator": "In", "values": [Exit::Interrupted.code()] } },
                    { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
                    { "action": "FailIndex", "onExitCodes": { "containerName": "starling", "operator": "In", "values": hopeless } }
                ]
            },
            "template": {
                "metadata": { "labels": { "app": "starling" } },
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 120,
                    "containers": [{
                        "name": "starling",
                        "image": options.image,
                        "command": ["starling", "batch", "work", dir, "--index", "$(JOB_COMPLETION_INDEX)", "--threads", threads.to_string()],
                        "resources": { "requests": resources, "limits": resources },
                        "volumeMounts": [{ "name": "runs", "mountPath": options.mount }]
                    }],
                    "volumes": [{ "name": "runs", "persistentVolumeClaim": { "claimName": options.claim } }]
                }
            }
        }
    })
}

/// Lower-case letters, digits and dashes, at most 63.
fn label(text: &str) -> String {
    let fine = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let label: String = text.chars().map(fine).take(63).collect();
    label.trim_matches('-').to_owned()
}
