//! HTTP over a socket, written out: an answer, or an error when the server died.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) struct Connection(BufReader<TcpStream>);

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(address).map(|stream| Self(BufReader::new(stream)))
    }

    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        let length = if body.is_empty() && method == "GET" {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let head = format!("{method} {target} HTTP/1.1\r\nHost: registry\r\n{headers}{length}\r\n");
        let stream = self.0.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        self.answer(method == "HEAD")
    }

    fn answer(&mut self, is_head: bool) -> io::Result<Answer> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").filter(|_| !is_head);
        let length = length.map_or(0, |text| text.parse().expect("a number"));
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body)?;
        Ok(answer)
    }
}

/// The path of a `Location`, absolute or not.
pub(crate) fn path_of(location: &str) -> &str {
    let rest = location.split_once("://").map_or(location, |(_, rest)| rest);
    rest.find('/').map_or(rest, |at| &rest[at..])
}
