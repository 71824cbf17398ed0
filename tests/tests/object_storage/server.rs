//! An object store's server, started once for all tests, and a look into it that does not go through the program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

pub(crate) const BUCKET: &str = "laboratory";

pub(crate) struct Server {
    /// Host and port.
    pub(crate) address: String,
    /// It ends when its input does: with this process.
    _child: Child,
}

impl Server {
    /// The server of all tests; `None`, loudly, where this Python has none.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    fn start() -> Option<Self> {
        let python = std::env::var("STARLING_PYTHON").unwrap_or_else(|_| "python3".into());
        let probe = Command::new(&python)
            .args(["-c", "import moto, flask, flask_cors"])
            .output();
        if !probe.is_ok_and(|output| output.status.success()) {
            let how = "`pip install -r tests/peers/requirements-tables.txt`, or name another Python in STARLING_PYTHON";
            let required = std::env::var("STARLING_REQUIRE_PEERS").as_deref() == Ok("1");
            assert!(!required, "`{python}` has no moto server: {how}");
            let line = format!("LEFT OUT: `{python}` has no moto server, so nothing ran on an object store: {how}");
            starling_tests::golden::say(&line);
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/object_store.py");
        let mut child = Command::new(&python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut port = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut port).expect("the server says its port");
        let server = Self {
            address: format!("127.0.0.1:{}", port.trim()),
            _child: child,
        };
        let made = server.ask("PUT", &format!("/{BUCKET}"));
        assert!(made.contains(" 200 "), "no bucket: {made}");
        Some(server)
    }

    /// The whole answer to a request without a body.
    fn ask(&self, method: &str, target: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the server answers");
        let request = format!(
            "{method} {target} HTTP/1.0\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).expect("the request goes out");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Names below `url`, as the server lists them.
    pub(crate) fn names(&self, url: &str) -> Vec<String> {
        let prefix = url
            .strip_prefix(&format!("s3://{BUCKET}/"))
            .expect("a URL of this server");
        let listed = self.ask("GET", &format!("/{BUCKET}?list-type=2&max-keys=1000&prefix={prefix}/"));
        let keys = listed
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| rest.split("</Key>").next());
        keys.filter_map(|key| key.strip_prefix(prefix)?.strip_prefix('/').map(str::to_owned))
            .collect()
    }
}
