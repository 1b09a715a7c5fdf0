//! A registry that is not quite like ours: requests pass a function that may answer them itself, or do something first.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

/// What is done with a request.
pub(crate) enum Verdict {
    Pass,
    /// Answered with this status and body.
    Answer(u16, &'static str),
}

/// Listens on a port of its own and passes everything to `upstream` that `judge` (method, path) lets pass. The threads
/// end with the process.
pub(crate) fn start(upstream: &str, judge: impl Fn(&str, &str) -> Verdict + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    let (upstream, judge) = (upstream.to_owned(), std::sync::Arc::new(judge));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (upstream, judge) = (upstream.clone(), judge.clone());
            // A client that goes away ends its connection, and nothing else.
            std::thread::spawn(move || serve(stream, &upstream, judge.as_ref()));
        }
    });
    host
}

/// One request a connection: simple, and clients must cope.
fn serve(stream: TcpStream, upstream: &str, judge: &(impl Fn(&str, &str) -> Verdict + ?Sized)) -> Option<()> {
    let mut client = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0_usize);
    loop {
        let at = head.len();
        client.read_line(&mut head).ok().filter(|read| *read > 0)?;
        let line = head[at..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.starts_with("connection:") {
            head.truncate(at);
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).ok()?;
    let mut words = head.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    match judge(method, path) {
        Verdict::Answer(status, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nConnection: close\r\n");
            let body = if method == "HEAD" { "" } else { body };
            write!(client.get_mut(), "{head}Content-Length: {length}\r\n\r\n{body}").ok()?;
        }
        Verdict::Pass => {
            let mut server = TcpStream::connect(upstream).ok()?;
            let head = format!("{}Connection: close\r\n\r\n", head.strip_suffix("\r\n")?);
            server.write_all(head.as_bytes()).ok()?;
            server.write_all(&body).ok()?;
            std::io::copy(&mut server, client.get_mut()).ok()?;
        }
    }
    client.get_mut().shutdown(Shutdown::Both).ok()
}
