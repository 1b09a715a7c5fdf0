//! A registry that follows a script: each request is expected, and answered with bytes and faults of the test's choice.
//!
//! Speaks HTTP/1.1 on a socket by itself, so that it can do what no HTTP server would.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::env::{Env, Output};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `GET /v2/a/tags/list?n=1`
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer, byte for byte. `$HOST` in head and body stands for the scripted registry itself.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    /// The connection ends after this many bytes of the body.
    cut: Option<usize>,
    /// The connection ends without an answer.
    silent: bool,
}

/// `reply(200, &["Content-Type: application/json"], "{}")`; the length is added.
pub(crate) fn reply(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Reply {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    Reply { head, body: body.as_ref().into(), cut: None, silent: false }
}

/// The connection is closed instead of an answer.
pub(crate) fn hang_up() -> Reply {
    Reply { silent: true, ..reply(500, &[], "") }
}

impl Reply {
    /// Ends the connection when `bytes` of the body have been sent.
    pub(crate) fn cut_after(self, bytes: usize) -> Self {
        Self { cut: Some(bytes), ..self }
    }

    /// Writes the answer; false when the connection is to end.
    fn send(&self, stream: &mut impl Write, host: &str, is_head: bool) -> bool {
        if self.silent {
            return false;
        }
        let body = match std::str::from_utf8(&self.body) {
            Ok(text) => text.replace("$HOST", host).into_bytes(),
            Err(_) => self.body.clone(),
        };
        let mut head = self.head.replace("$HOST", host);
        if !head.to_ascii_lowercase().contains("content-length:") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let shown = if is_head { 0 } else { self.cut.unwrap_or(body.len()) };
        // A client that has gone away has seen enough.
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..shown]));
        let sent = sent.and_then(|()| stream.flush());
        sent.is_ok() && self.cut.is_none()
    }
}

/// A request that is expected next, and its answer.
#[derive(Debug)]
pub(crate) struct Step {
    line: String,
    with: Vec<(String, String)>,
    without: Vec<String>,
    reply: Reply,
}

/// `on("GET /v2/", reply(…))`
pub(crate) fn on(line: &str, reply: Reply) -> Step {
    Step { line: line.into(), with: Vec::new(), without: Vec::new(), reply }
}

impl Step {
    /// The request must carry this header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.with.push((name.into(), value.into()));
        self
    }

    /// The request must not carry this header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.without.push(name.into());
        self
    }

    fn faults(&self, request: &Request, host: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if self.line != request.line {
            faults.push(format!("expected {}, got {}", self.line, request.line));
        }
        for (name, value) in &self.with {
            let value = value.replace("$HOST", host);
            if request.header(name) != Some(&value) {
                faults.push(format!("{}: {name} is {:?}, not {value:?}", request.line, request.header(name)));
            }
        }
        for name in &self.without {
            if let Some(value) = request.header(name) {
                faults.push(format!("{}: there is a {name}, {value:?}", request.line));
            }
        }
        faults
    }
}

type Handler = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

#[derive(Default)]
struct Log {
    requests: Vec<Request>,
    faults: Vec<String>,
}

/// A scripted registry.
pub(crate) struct Scripted {
    /// `127.0.0.1:PORT`
    pub(crate) host: String,
    log: Arc<Mutex<Log>>,
    left: Arc<Mutex<VecDeque<Step>>>,
}

impl Scripted {
    /// Expects exactly `steps`, in this order.
    pub(crate) fn follow(steps: impl IntoIterator<Item = Step>) -> Self {
        let left = Arc::new(Mutex::new(steps.into_iter().collect::<VecDeque<_>>()));
        let log = Arc::new(Mutex::new(Log::default()));
        let (listener, host) = listen();
        let handler: Handler = {
            let (left, log, host) = (Arc::clone(&left), Arc::clone(&log), host.clone());
            Box::new(move |request| {
                let step = left.lock().expect("lock").pop_front();
                let Some(step) = step else {
                    log.lock().expect("lock").faults.push(format!("unexpected: {}", request.line));
                    return reply(418, &[], "not in the script");
                };
                log.lock().expect("lock").faults.extend(step.faults(request, &host));
                step.reply
            })
        };
        accept(listener, host.clone(), handler, Arc::clone(&log), None);
        Self { host, log, left }
    }

    /// Answers every request as `handler` says.
    pub(crate) fn serve(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let (listener, host) = listen();
        accept(listener, host.clone(), Box::new(handler), Arc::clone(&log), None);
        Self { host, log, left: Arc::default() }
    }

    /// The same over TLS, with a certificate that is signed by itself alone.
    pub(crate) fn serve_tls(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let (listener, host) = listen();
        accept(listener, host.clone(), Box::new(handler), Arc::clone(&log), Some(own_certificate()));
        Self { host, log, left: Arc::default() }
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().expect("lock").requests.clone()
    }

    /// Runs `reg` with `$HOST` for this registry, in the arguments and in what it says.
    pub(crate) fn reg(&self, env: &Env, arguments: &str) -> Output {
        self.reg_with_input(env, arguments, "")
    }

    pub(crate) fn reg_with_input(&self, env: &Env, arguments: &str, input: &str) -> Output {
        let output = env.reg_with_input(&arguments.replace("$HOST", &self.host), input);
        let named = |text: String| text.replace(&self.host, "$HOST");
        Output { stdout: named(output.stdout), stderr: named(output.stderr), exit: output.exit }
    }

    /// Fails unless exactly the script was played.
    #[track_caller]
    pub(crate) fn finished(&self) {
        let faults = self.log.lock().expect("lock").faults.clone();
        assert!(faults.is_empty(), "{faults:#?}");
        let left: Vec<String> = self.left.lock().expect("lock").iter().map(|step| step.line.clone()).collect();
        assert!(left.is_empty(), "never asked: {left:#?}");
    }
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    (listener, host)
}

fn own_certificate() -> Arc<ServerConfig> {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".into()]).expect("names");
    let certificate = params.self_signed(&key).expect("signed");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_no_client_auth();
    Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).expect("a config"))
}

/// Serves connections until the process ends.
fn accept(listener: TcpListener, host: String, handler: Handler, log: Arc<Mutex<Log>>, tls: Option<Arc<ServerConfig>>) {
    let handler = Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (host, handler, log, tls) = (host.clone(), Arc::clone(&handler), Arc::clone(&log), tls.clone());
            std::thread::spawn(move || match tls {
                None => converse(stream, &host, &handler, &log),
                Some(tls) => {
                    let connection = ServerConnection::new(tls).expect("a connection");
                    converse(StreamOwned::new(connection, stream), &host, &handler, &log);
                }
            });
        }
    });
}

fn converse(stream: impl Read + Write, host: &str, handler: &Handler, log: &Mutex<Log>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        log.lock().expect("lock").requests.push(request.clone());
        let reply = handler(&request);
        if !reply.send(stream.get_mut(), host, request.line.starts_with("HEAD ")) {
            return;
        }
    }
    // What is no HTTP (the question whether this is TLS) gets what HTTP servers say to it.
    let _ = stream.get_mut().write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/// The next request; `None` at the end of the connection, or where there is no HTTP.
fn read(reader: &mut BufReader<impl Read>) -> Option<Request> {
    if *reader.fill_buf().ok()?.first()? == 0x16 {
        return None;
    }
    let mut line = String::new();
    let mut next = || {
        line.clear();
        reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = next()?;
    let first = first.strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = Vec::new();
    loop {
        let line = next()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap_or(0));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line: first, headers, body })
}
