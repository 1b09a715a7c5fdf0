//! A proxy in front of a registry that writes down the requests that pass, and holds one back when asked to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::watchdog::PATIENCE;

/// A running proxy. Its threads end with the connections.
#[derive(Debug)]
pub(crate) struct Counting {
    /// `127.0.0.1:PORT`
    pub(crate) host: String,
    seen: Arc<Mutex<Vec<String>>>,
    held: Mutex<Receiver<()>>,
}

/// Which request is held back: the n-th that begins so.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) begins: &'static str,
    pub(crate) nth: usize,
}

struct Shared {
    upstream: String,
    seen: Arc<Mutex<Vec<String>>>,
    hold: Option<Hold>,
    held: Sender<()>,
}

impl Counting {
    pub(crate) fn before(upstream: &str) -> Self {
        Self::start(upstream, None)
    }

    /// A request is never passed on, as if the network had gone.
    pub(crate) fn holding(upstream: &str, hold: Hold) -> Self {
        Self::start(upstream, Some(hold))
    }

    fn start(upstream: &str, hold: Option<Hold>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (sender, held) = channel();
        let shared = Arc::new(Shared { upstream: upstream.into(), seen: seen.clone(), hold, held: sender });
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Self { host, seen, held: Mutex::new(held) }
    }

    /// `METHOD PATH` of the requests since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().expect("the list"))
    }

    /// Waits until a request is held back.
    pub(crate) fn wait_until_held(&self) {
        let held = self.held.lock().expect("the channel");
        held.recv_timeout(PATIENCE).expect("a request to hold");
    }
}

impl Shared {
    fn serve(&self, client: TcpStream) {
        let server = TcpStream::connect(&self.upstream).expect("the server listens");
        let (mut back, mut answers) = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
        std::thread::spawn(move || {
            // Whichever side closes first ends the copy.
            let _ = std::io::copy(&mut answers, &mut back);
            let _ = back.shutdown(Shutdown::Both);
        });
        // A side that is gone is the end of the connection, and no fault.
        let _ = self.pass_requests(client, server);
    }

    fn pass_requests(&self, client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        let mut client = BufReader::new(client);
        if client.fill_buf()?.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            // The question whether somebody speaks TLS here is no request.
            return std::io::copy(&mut client, &mut server).map(|_| ());
        }
        loop {
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let at = head.len();
                if client.read_line(&mut head)? == 0 {
                    return server.shutdown(Shutdown::Write);
                }
                let line = head[at..].trim_end().to_ascii_lowercase();
                assert!(!line.starts_with("transfer-encoding"), "requests say how long they are");
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().map_err(std::io::Error::other)?;
                }
                if line.is_empty() {
                    break;
                }
            }
            if self.note(head.lines().next().unwrap_or_default()) {
                self.held.send(()).map_err(std::io::Error::other)?;
                // Until the client gives up.
                std::io::copy(&mut client, &mut std::io::sink())?;
                return Ok(());
            }
            server.write_all(head.as_bytes())?;
            std::io::copy(&mut (&mut client).take(length), &mut server)?;
        }
    }

    /// Writes a request down; whether it is the one to hold.
    fn note(&self, line: &str) -> bool {
        let request = line.trim_end_matches(" HTTP/1.1").to_owned();
        let mut seen = self.seen.lock().expect("the list");
        seen.push(request.clone());
        self.hold.as_ref().is_some_and(|hold| {
            request.starts_with(hold.begins)
                && seen.iter().filter(|seen| seen.starts_with(hold.begins)).count() == hold.nth
        })
    }
}
