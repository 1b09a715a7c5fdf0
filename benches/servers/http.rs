//! A small HTTP/1.1 client on blocking sockets: cheap enough not to be what is measured.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

/// One kept-alive connection.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// The head of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) length: u64,
    chunked: bool,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), address })
    }

    /// Sends a request with a body and discards the answer's body.
    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        self.request(method, target, headers, body)?;
        let answer = self.head()?;
        if method != "HEAD" {
            self.discard(&answer)?;
        }
        Ok(answer)
    }

    /// Sends raw bytes that were prepared once, and discards the answer's body.
    pub(crate) fn replay(&mut self, request: &[u8], is_head: bool) -> io::Result<Answer> {
        self.stream.get_mut().write_all(request)?;
        let answer = self.head()?;
        if !is_head {
            self.discard(&answer)?;
        }
        Ok(answer)
    }

    fn request(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let head = prepare(self.address, method, target, headers, Some(body.len()));
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)
    }

    fn head(&mut self) -> io::Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in {line:?}")))?;
        let mut answer = Answer { status, location: None, link: None, length: 0, chunked: false };
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => answer.length = value.parse().map_err(io::Error::other)?,
                "transfer-encoding" => answer.chunked = true,
                "location" => answer.location = Some(path_of(value)),
                "link" => answer.link = value.split(['<', '>']).nth(1).map(path_of),
                _ => {}
            }
        }
        Ok(answer)
    }

    fn discard(&mut self, answer: &Answer) -> io::Result<()> {
        if answer.chunked {
            return self.discard_chunks();
        }
        let mut left = answer.length;
        let buffered = self.stream.buffer().len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.stream.consume(buffered);
        left -= buffered as u64;
        // MSG_TRUNC lets the kernel drop the bytes: the client's copy would be a good part of the run otherwise.
        let mut scratch = vec![0; 1 << 20];
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(scratch.len());
            let socket = self.stream.get_ref().as_fd();
            let (_, n) = rustix::net::recv(socket, &mut scratch[..want], rustix::net::RecvFlags::TRUNC)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= n as u64;
        }
        Ok(())
    }

    fn discard_chunks(&mut self) -> io::Result<()> {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let size =
                u64::from_str_radix(line.trim().split(';').next().unwrap_or(""), 16).map_err(io::Error::other)?;
            io::copy(&mut (&mut self.stream).take(size + 2), &mut io::sink())?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

/// The head of a request as bytes.
pub(crate) fn prepare(address: SocketAddr, method: &str, target: &str, headers: &str, length: Option<usize>) -> String {
    let length = match (method, length) {
        ("GET" | "HEAD" | "DELETE", _) | (_, None) => String::new(),
        (_, Some(length)) => format!("Content-Length: {length}\r\n"),
    };
    format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n{headers}{length}\r\n")
}

fn path_of(url: &str) -> String {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or_else(|| "/".to_owned(), |at| rest[at..].to_owned()),
        None => url.to_owned(),
    }
}
