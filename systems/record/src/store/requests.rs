//! Requests to an object store whose answers may be lost: asked again, and judged by what is there.

use bytes::Bytes;
use object_store::aws::AmazonS3;
use object_store::path::Path as Key;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::io;
use std::time::{Duration, Instant};

/// Between two attempts.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// An error with its causes, on one line. Requests carry their secrets in headers, which no message shows.
pub(super) fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.split_whitespace()
        .map(without_secrets)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word of a message; if it is an address with a name and a password, without them.
fn without_secrets(word: &str) -> String {
    let parts = word.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find('/').unwrap_or(rest.len());
        let at = rest[..end].rfind('@')?;
        Some(format!("{scheme}://{}", &rest[at + 1..]))
    });
    parts.unwrap_or_else(|| word.to_owned())
}

pub(super) fn told(error: &Error) -> io::Error {
    let kind = match error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        Error::NotImplemented { .. } | Error::NotSupported { .. } => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, words(error))
}

pub(super) async fn get(client: &AmazonS3, key: &Key) -> Result<Bytes, Error> {
    client.get(key).await?.bytes().await
}

/// Pauses between attempts, until patience ends.
struct Attempts {
    started: Instant,
    patience: Duration,
    pause: Duration,
}

impl Attempts {
    fn new(patience: Duration) -> Self {
        let (started, pause) = (Instant::now(), Duration::from_millis(100));
        Self {
            started,
            patience,
            pause,
        }
    }
    /// Pauses and says that another attempt is due, or says that none is after `error`.
    async fn again_after(&mut self, error: &Error) -> bool {
        let hopeless = matches!(
            told(error).kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
        );
        if hopeless || self.started.elapsed() >= self.patience {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// Creates an object. `Ok(false)`: there is one with another content. An error leaves open whether it is there.
pub(super) async fn create(client: &AmazonS3, key: &Key, bytes: Bytes, patience: Duration) -> Result<bool, Error> {
    let mut attempts = Attempts::new(patience);
    loop {
        let payload = PutPayload::from_bytes(bytes.clone());
        let Err(error) = client.put_opts(key, payload, PutMode::Create.into()).await else {
            return Ok(true);
        };
        // Lost on the way there, or on the way back, or another writer's: what is there tells.
        match get(client, key).await {
            Ok(there) => return Ok(there == bytes),
            Err(Error::NotFound { .. }) if attempts.again_after(&error).await => {}
            Err(_) => return Err(error),
        }
    }
}

/// Whether the server refuses to create the object `key`, which is there with the content `bytes`.
pub(super) async fn refuses(client: &AmazonS3, key: &Key, bytes: Bytes, patience: Duration) -> Result<bool, Error> {
    let mut attempts = Attempts::new(patience);
    loop {
        let payload = PutPayload::from_bytes(bytes.clone());
        match client.put_opts(key, payload, PutMode::Create.into()).await {
            Ok(_) => return Ok(false),
            Err(Error::AlreadyExists { .. }) => return Ok(true),
            Err(error) if attempts.again_after(&error).await => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_show_no_passwords() {
        let check = |word, expected| assert_eq!(without_secrets(word), expected);
        check("(http://me:hush@host:9000/bucket/a@b)", "(http://host:9000/bucket/a@b)");
        check("http://host/bucket/a@b", "http://host/bucket/a@b");
        check("me@home", "me@home");
    }
}
