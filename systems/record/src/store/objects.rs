//! A run under a prefix of an S3-compatible object store.
//!
//! An object appears whole when its upload ends, which is what renaming does for files. Exclusive creation is a conditional upload
//! (`If-None-Match: *`), and a server that does not know the condition is found out before anything is written. An answer may be lost
//! although the object is there, so "it exists already" is not yet "another writer made it": only the content tells.
//!
//! Requests are asynchronous and the writing thread is not: a small runtime of its own carries them out, and callers wait. Failed
//! requests are repeated for [`patience`]; what fails then is told as a fault, and the run can be resumed.

use super::requests::{LONGEST_PAUSE, create, get, refuses, told, words};
use super::{PIPELINE, Place, SET_ASIDE, Store, disk};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientConfigKey, Error, ObjectStore, ObjectStoreExt, RetryConfig};
use starling_components::Fault;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Requests at the same time when many small objects are read.
const PARALLEL: usize = 16;
/// How long one request may take, if `AWS_TIMEOUT` does not say otherwise: a part on a slow line needs its time.
const TIMEOUT: &str = "300s";
/// Seconds in which failed requests are repeated, if not 180.
const PATIENCE: &str = "STARLING_STORAGE_PATIENCE";
/// What one upload may hold; larger ones would have to go up in pieces.
const LARGEST: u64 = 5 << 30;

/// How long a failed request is repeated. Tokens may expire and be renewed between requests, not within one: so not much longer.
fn patience() -> Result<Duration, Fault> {
    let Ok(text) = std::env::var(PATIENCE) else {
        return Ok(Duration::from_secs(180));
    };
    let seconds = text.parse().map(Duration::from_secs);
    seconds.map_err(|_| Fault::pipeline(format!("{PATIENCE} is a number of seconds, not `{text}`")))
}

pub(super) struct Objects {
    place: Place,
    prefix: Key,
    client: Arc<AmazonS3>,
    patience: Duration,
    /// Only empty while it is being dropped.
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Objects {
    /// Without the client: it knows secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Objects({})", self.place)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // Dropping a runtime waits for it, which is forbidden where someone else's runtime is at work.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Objects {
    /// `url` is `s3://bucket/prefix`; everything else comes from the environment.
    pub(super) fn open(url: String) -> Result<Self, Fault> {
        let (bucket, prefix) = split(&url)?;
        let patience = patience()?;
        let backoff = BackoffConfig {
            max_backoff: LONGEST_PAUSE,
            ..BackoffConfig::default()
        };
        let retry = RetryConfig {
            backoff,
            max_retries: 10_000,
            retry_timeout: patience,
        };
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
        if std::env::var_os("AWS_TIMEOUT").is_none() {
            builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), TIMEOUT);
        }
        let client = builder.build().map_err(|e| {
            let fault = Fault::pipeline(format!("`{url}` cannot be reached with these settings: {}", words(&e)));
            fault.advise("credentials, region and address come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL")
        })?;
        // One thread is enough to wait for answers.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store")
            .enable_all()
            .build();
        let runtime = runtime.map_err(|e| Fault::run(format!("failed to start the thread for `{url}`: {e}")))?;
        Ok(Self {
            prefix: Key::from(prefix),
            place: Place::Url(url),
            client: Arc::new(client),
            patience,
            runtime: Some(runtime),
        })
    }

    fn key(&self, name: &str) -> Key {
        let parts = name.split('/').filter(|part| !part.is_empty());
        parts.fold(self.prefix.clone(), |key, part| key.join(part))
    }

    /// Waits for what `future` gives, on whatever thread this is.
    fn wait<T: Send + 'static>(&self, future: impl Future<Output = io::Result<T>> + Send + 'static) -> io::Result<T> {
        let broken = || io::Error::other("the thread for requests broke down");
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().ok_or_else(broken)?;
        runtime.spawn(async move {
            let _ = sender.send(future.await); // whoever waits is there until this answers
        });
        receiver.recv().map_err(|_| broken())?
    }

    /// Names relative to the run of the objects below `folder` that are `wanted`, at most `most`; "" is the whole run.
    fn below(
        &self,
        folder: &str,
        most: usize,
        wanted: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> io::Result<Vec<String>> {
        let (client, prefix) = (Arc::clone(&self.client), self.key(folder));
        let from = match self.prefix.as_ref() {
            "" => 0,
            prefix => prefix.len() + 1,
        };
        self.wait(async move {
            let listed = client.list(Some(&prefix)).map_err(|e| told(&e));
            let names = listed.map_ok(|object| object.location.as_ref().get(from..).unwrap_or_default().to_owned());
            let wanted = names.try_filter(|name| std::future::ready(wanted(name)));
            wanted.take(most).try_collect().await
        })
    }

    fn put(&self, name: &str, bytes: Bytes) -> io::Result<()> {
        let (client, key) = (Arc::clone(&self.client), self.key(name));
        let put = async move { client.put(&key, bytes.into()).await.map(|_| ()).map_err(|e| told(&e)) };
        self.wait(put)
    }

    fn fault(&self, action: &str, name: &str, error: &io::Error) -> Fault {
        Fault::storage(format!("{action} `{}`: {error}", super::at(self, name)))
    }
}

/// Bucket and prefix of `s3://bucket/prefix`.
fn split(url: &str) -> Result<(&str, &str), Fault> {
    let path = url.strip_prefix("s3://").unwrap_or_default();
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    if bucket.contains('@') {
        let fault = Fault::pipeline("credentials do not belong into the URL of a run: it is shown and stored");
        return Err(fault.advise("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
    }
    if bucket.is_empty() || prefix.split('/').any(|part| matches!(part, "." | "..")) {
        let fault = Fault::pipeline(format!("`{url}` does not say where the run is"));
        return Err(fault.advise("write `s3://bucket/prefix`"));
    }
    Ok((bucket, prefix))
}

impl Store for Objects {
    fn place(&self) -> &Place {
        &self.place
    }
    fn is_remote(&self) -> bool {
        true
    }

    fn read(&self, name: &str) -> io::Result<Bytes> {
        let (client, key) = (Arc::clone(&self.client), self.key(name));
        self.wait(async move { get(&client, &key).await.map_err(|e| told(&e)) })
    }
    fn read_all(&self, names: &[String]) -> Vec<io::Result<Bytes>> {
        let client = Arc::clone(&self.client);
        let keys: Vec<Key> = names.iter().map(|name| self.key(name)).collect();
        let read = self.wait(async move {
            let gets = keys.into_iter().map(|key| {
                let client = Arc::clone(&client);
                async move { get(&client, &key).await.map_err(|e| told(&e)) }
            });
            Ok(stream::iter(gets).buffered(PARALLEL).collect().await)
        });
        read.unwrap_or_else(|error| vec![Err(error)])
    }
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let names = self.below(folder, usize::MAX, |_| true)?;
        if names.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is nothing below it"));
        }
        let names = names
            .iter()
            .filter_map(|name| name.strip_prefix(folder)?.strip_prefix('/'));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }
    fn files(&self) -> Result<Vec<String>, Fault> {
        let shown = |name: &str| match name.split_once('/') {
            Some((folder, file)) => folder != SET_ASIDE && !file.contains('/'),
            None => true,
        };
        let below = self.below("", usize::MAX, shown);
        below.map_err(|e| self.fault("failed to list", "", &e))
    }

    fn lock(&self) -> Result<Option<File>, Fault> {
        Ok(None)
    }
    fn prepare(&self) -> Result<(), Fault> {
        Ok(())
    }
    fn foreign(&self) -> Result<Option<String>, Fault> {
        let first = format!("{}/000000-", crate::checkpoint::FOLDER);
        let foreign = self.below("", 1, move |name| name != PIPELINE && !name.starts_with(&first));
        let foreign = foreign.map_err(|e| self.fault("failed to list", "", &e))?;
        Ok(foreign.into_iter().next())
    }
    /// Of two who begin with other pipelines, one must not write over the other's.
    fn begin(&self, pipeline: &str) -> Result<(), Fault> {
        if !self.create(PIPELINE, pipeline.as_bytes(), "")? {
            let path = super::at(self, PIPELINE);
            let message = format!(
                "`{path}` is another pipeline: of a run that begins now, or that was stopped before its first commit"
            );
            return Err(Fault::records(message).advise("choose another prefix, or delete it if nothing writes there"));
        }
        self.check_exclusive(pipeline)
    }
    /// Creating the pipeline anew must fail. A server that ignores the condition writes the same text over itself, which harms nobody.
    fn check_exclusive(&self, pipeline: &str) -> Result<(), Fault> {
        let (client, key) = (Arc::clone(&self.client), self.key(PIPELINE));
        let (bytes, patience) = (Bytes::copy_from_slice(pipeline.as_bytes()), self.patience);
        let tried = self.wait(async move { refuses(&client, &key, bytes, patience).await.map_err(|e| told(&e)) });
        let refused = match tried {
            Ok(true) => return Ok(()),
            Ok(false) => format!(
                "`{}`: its server ignores the condition of a conditional upload",
                self.place
            ),
            Err(e) => return Err(self.fault("failed to upload conditionally to", PIPELINE, &e)),
        };
        Err(Fault::storage(refused).advise(
            "two processes could write one run there without noticing: use a server that honours `If-None-Match: *`, as Amazon's does",
        ))
    }

    /// Without a name, so that the system frees it even if this process is killed.
    fn draft(&self, name: &str) -> Result<File, Fault> {
        tempfile::tempfile().map_err(|e| self.draft_fault(name, &e, 0))
    }
    fn publish(&self, name: &str, draft: &mut File, bytes: u64) -> Result<(), Fault> {
        if bytes > LARGEST {
            let (path, size) = (super::at(self, name), disk::size(bytes));
            let fault = Fault::storage(format!("`{path}` is too large for one upload: {size}"));
            return Err(fault.advise("choose a smaller `record.part_rows`"));
        }
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        let read = draft.rewind().and_then(|()| draft.read_to_end(&mut content));
        read.map_err(|e| self.draft_fault(name, &e, 0))?;
        self.put(name, content.into())
            .map_err(|e| self.fault("failed to upload", name, &e))
    }
    fn abandon(&self, _name: &str) {}
    fn draft_fault(&self, name: &str, error: &io::Error, wanted: u64) -> Fault {
        let draft = std::env::temp_dir().join(name.rsplit('/').next().unwrap_or(name));
        disk::fault("failed to write the temporary file", &draft, error, wanted)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.put(name, Bytes::copy_from_slice(bytes))
            .map_err(|e| self.fault("failed to upload", name, &e))
    }
    fn create(&self, name: &str, bytes: &[u8], _token: &str) -> Result<bool, Fault> {
        let (client, key, bytes) = (Arc::clone(&self.client), self.key(name), Bytes::copy_from_slice(bytes));
        let patience = self.patience;
        let created = self.wait(async move { create(&client, &key, bytes, patience).await.map_err(|e| told(&e)) });
        created.map_err(|e| self.fault("failed to upload", name, &e))
    }
    fn remove(&self, name: &str) -> Result<(), Fault> {
        let (client, key) = (Arc::clone(&self.client), self.key(name));
        let removed = self.wait(async move {
            match client.delete(&key).await {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(told(&error)),
            }
        });
        removed.map_err(|e| self.fault("failed to remove", name, &e))
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        let (client, old, new) = (Arc::clone(&self.client), self.key(from), self.key(to));
        let copied = self.wait(async move { client.copy(&old, &new).await.map_err(|e| told(&e)) });
        copied.map_err(|e| self.fault("failed to copy", from, &e))?;
        self.remove(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_bucket_and_prefix() {
        let check = |url, expected: Option<(&str, &str)>| assert_eq!(split(url).ok(), expected, "{url}");
        check("s3://bucket/a/b", Some(("bucket", "a/b")));
        check("s3://bucket", Some(("bucket", "")));
        check("s3:///a", None);
        check("s3://me:hush@bucket/a", None);
        check("s3://bucket/../other", None);
    }
}
