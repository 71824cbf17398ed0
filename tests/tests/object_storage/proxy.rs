//! What stands between the program and the server: passes requests on, one per connection, or does to them what a rule says.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as far as rules look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Requests of this proxy before it.
    pub(crate) number: usize,
}

impl Request {
    /// An upload of a file whose path has `part` in it.
    pub(crate) fn puts(&self, part: &str) -> bool {
        self.method == "PUT" && self.target.contains(part)
    }
}

/// What becomes of a request.
#[derive(Clone)]
pub(crate) enum Action {
    Pass,
    /// Passed on slowly, in pieces.
    Slow,
    /// Only half of its body goes through; then nothing, until the program dies.
    FreezeHalfway,
    /// All of it goes through, and the answer never comes, until the program dies.
    FreezeAnswer,
    /// The connection breaks in the middle of the body.
    CutHalfway,
    /// It goes through, and the connection breaks instead of an answer.
    SwallowAnswer,
    /// The server's own trouble.
    Status(&'static str),
    /// The connection breaks before anything went through.
    Refuse,
    /// Passed on without its condition, as by a server that does not know it.
    WithoutCondition,
    /// Passed on when the gate opens.
    Behind(Arc<Gate>),
}

/// Opens when so many have come.
pub(crate) struct Gate {
    left: Mutex<usize>,
    opened: std::sync::Condvar,
}

impl Gate {
    pub(crate) fn of(count: usize) -> Arc<Self> {
        let (left, opened) = (Mutex::new(count), std::sync::Condvar::new());
        Arc::new(Self { left, opened })
    }
    /// One more has come. Does not wait.
    pub(crate) fn count(&self) {
        let mut left = self.left.lock().expect("no panic");
        *left = left.saturating_sub(1);
        self.opened.notify_all();
    }
    fn pass(&self) {
        self.count();
        let left = self.left.lock().expect("no panic");
        drop(self.opened.wait_while(left, |left| *left > 0).expect("no panic"));
    }
}

type Rule = Box<dyn Fn(&Request) -> Action + Send + Sync>;

pub(crate) struct Proxy {
    pub(crate) address: String,
    /// Requests that did not just pass, in the moment in which that is so.
    pub(crate) disturbed: Receiver<Request>,
}

impl Proxy {
    /// A proxy to the server at `upstream`. It lives as long as the test program.
    pub(crate) fn start(upstream: &str, rule: impl Fn(&Request) -> Action + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (sender, disturbed) = channel();
        let (upstream, rule): (String, Arc<Rule>) = (upstream.to_owned(), Arc::new(Box::new(rule)));
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let (upstream, rule, sender) = (upstream.clone(), Arc::clone(&rule), sender.clone());
                // Broken connections are what this is for.
                std::thread::spawn(move || serve(client, number, &upstream, &**rule, &sender));
            }
        });
        Self { address, disturbed }
    }

    /// Waits until a request is disturbed.
    pub(crate) fn wait(&self) -> Request {
        let limit = Duration::from_secs(120);
        self.disturbed.recv_timeout(limit).expect("a request meets the rule")
    }
}

fn serve(
    mut client: TcpStream,
    number: usize,
    upstream: &str,
    rule: &(dyn Fn(&Request) -> Action + Send + Sync),
    disturbed: &Sender<Request>,
) -> std::io::Result<()> {
    let Some((head, mut body)) = head(&mut client)? else {
        return Ok(());
    };
    let mut words = head.split(' ').map(str::to_owned);
    let request = Request {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        number,
    };
    let length = header(&head, "content-length")
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    while body.len() < length {
        let mut piece = vec![0; (length - body.len()).min(1 << 16)];
        let read = client.read(&mut piece)?;
        if read == 0 {
            return Ok(()); // the program died
        }
        body.extend_from_slice(&piece[..read]);
    }
    let tell = || drop(disturbed.send(request.clone()));
    let action = rule(&request);
    let head = match action {
        Action::WithoutCondition => head
            .split("\r\n")
            .filter(|l| !is(l, "if-none-match"))
            .collect::<Vec<_>>()
            .join("\r\n"),
        _ => head,
    };
    // The server ends every connection after one answer, so that "all of the answer" is "until the end".
    let open = || TcpStream::connect(upstream);
    let ask = |pieces: usize| {
        let mut server = open()?;
        server.write_all(head.as_bytes())?;
        for piece in body.chunks(body.len().div_ceil(pieces).max(1)) {
            server.write_all(piece)?;
            if pieces > 1 {
                std::thread::sleep(Duration::from_millis(3));
            }
        }
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).map(|_| answer)
    };
    let halfway = || -> std::io::Result<TcpStream> {
        let mut server = open()?;
        server.write_all(head.as_bytes())?;
        server.write_all(&body[..body.len() / 2])?;
        Ok(server)
    };
    match action {
        Action::Pass => client.write_all(&ask(1)?),
        Action::Slow => client.write_all(&ask(8)?),
        Action::WithoutCondition => {
            tell();
            client.write_all(&ask(1)?)
        }
        Action::Behind(gate) => {
            tell();
            gate.pass();
            client.write_all(&ask(1)?)
        }
        Action::FreezeHalfway => {
            let server = halfway()?;
            tell();
            until_gone(&mut client);
            server.shutdown(Shutdown::Both)
        }
        Action::FreezeAnswer => {
            ask(1)?;
            tell();
            until_gone(&mut client);
            Ok(())
        }
        Action::CutHalfway => {
            let server = halfway()?;
            tell();
            server.shutdown(Shutdown::Both)?;
            client.shutdown(Shutdown::Both)
        }
        Action::SwallowAnswer => {
            ask(1)?;
            tell();
            client.shutdown(Shutdown::Both)
        }
        Action::Refuse => {
            tell();
            client.shutdown(Shutdown::Both)
        }
        Action::Status(status) => {
            tell();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            client.write_all(answer.as_bytes())
        }
    }
}

/// Everything up to the empty line, and what came with it; `None` where nothing came.
fn head(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = bytes.split_off(at + 4);
            return Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), body)));
        }
        let mut piece = [0; 4096];
        match client.read(&mut piece)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

fn is(line: &str, name: &str) -> bool {
    line.split_once(':')
        .is_some_and(|(key, _)| key.eq_ignore_ascii_case(name))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let line = head.split("\r\n").find(|line| is(line, name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// Waits until the other side is gone.
fn until_gone(client: &mut TcpStream) {
    let mut piece = [0; 64];
    loop {
        match client.read(&mut piece) {
            Ok(0) => return,
            Err(e) if e.kind() != ErrorKind::Interrupted => return,
            _ => {}
        }
    }
}
