//! HTTP/1.1 as bytes on a socket: what is sent stands in the test, what comes back is taken apart here.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A connection that is kept for several requests.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) host: String,
    stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// In the order of the wire; names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Longer than any answer takes, so that a server that hangs fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

impl Client {
    pub(crate) fn connect(host: &str) -> Self {
        let stream = TcpStream::connect(host).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Self { host: host.into(), stream: BufReader::new(stream) }
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&mut self) {
        self.stream.get_mut().shutdown(std::net::Shutdown::Write).expect("a socket");
    }

    /// Sends a request and reads the answer. `Host` and `Content-Length` are added unless `headers` has them.
    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        let has = |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        if !has("host") {
            head.push_str(&format!("Host: {}\r\n", self.host));
        }
        if !has("content-length")
            && !has("transfer-encoding")
            && (!body.is_empty() || !matches!(method, "GET" | "HEAD"))
        {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        // The server may answer and close before it has read everything.
        let sent = self.send_raw(&bytes);
        self.read(method).unwrap_or_else(|error| panic!("{method} {target}: {error} (sent: {sent:?})"))
    }

    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.send("GET", target, &[], b"")
    }

    pub(crate) fn head(&mut self, target: &str) -> Response {
        self.send("HEAD", target, &[], b"")
    }

    pub(crate) fn delete(&mut self, target: &str) -> Response {
        self.send("DELETE", target, &[], b"")
    }

    pub(crate) fn put(&mut self, target: &str, content_type: &str, body: &[u8]) -> Response {
        self.send("PUT", target, &[("Content-Type", content_type)], body)
    }

    /// Pushes a blob: one POST for a session, one PUT with the bytes.
    pub(crate) fn push_blob(&mut self, repository: &str, bytes: &[u8]) -> String {
        let digest = super::digest(bytes);
        let at = self.start_upload(repository);
        let stored = self.send("PUT", &format!("{at}?digest={digest}"), &[], bytes);
        assert_eq!(stored.status, 201, "{stored}");
        digest
    }

    /// Opens an upload session; its path.
    pub(crate) fn start_upload(&mut self, repository: &str) -> String {
        let started = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
        assert_eq!(started.status, 202, "{started}");
        started.location()
    }

    /// Reads an answer to a request with this method; interim answers are skipped.
    pub(crate) fn read(&mut self, method: &str) -> std::io::Result<Response> {
        loop {
            let response = self.read_one(method)?;
            if response.status >= 200 {
                return Ok(response);
            }
        }
    }

    /// Reads one answer, an interim one too.
    pub(crate) fn read_one(&mut self, method: &str) -> std::io::Result<Response> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no status line: {status_line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| std::io::Error::other(format!("no header: {line:?}")))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response { status, headers, body: Vec::new() };
        let has_body = method != "HEAD" && status >= 200 && status != 204 && status != 304;
        if has_body {
            response.body = self.body(&response)?;
        }
        Ok(response)
    }

    fn body(&mut self, head: &Response) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = self.line()?;
                let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16)
                    .map_err(std::io::Error::other)?;
                let start = body.len();
                body.resize(start + size, 0);
                self.stream.read_exact(&mut body[start..])?;
                self.line()?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        match head.header("content-length") {
            Some(length) => {
                body.resize(length.parse().map_err(std::io::Error::other)?, 0);
                self.stream.read_exact(&mut body)?;
            }
            None => {
                self.stream.read_to_end(&mut body)?;
            }
        }
        Ok(body)
    }

    /// Whether the server has closed the connection, waiting for it.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.stream.fill_buf().map(<[u8]>::len), Ok(0) | Err(_))
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map_err(std::io::Error::other)
    }
}

impl Response {
    /// The first header of that name; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Path and query of `Location`, whether it is absolute or not.
    pub(crate) fn location(&self) -> String {
        let location = self.header("location").unwrap_or_else(|| panic!("no Location: {self}"));
        match location.split_once("://") {
            Some((_, rest)) => rest[rest.find('/').expect("a path")..].to_owned(),
            None => location.to_owned(),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The code of an error answer.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_else(|| panic!("no code: {self}")).to_owned()
    }
}

impl fmt::Display for Response {
    /// Status, headers in order of name without `Date`, and the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        let mut headers: Vec<_> = self.headers.iter().filter(|(name, _)| name != "date").collect();
        headers.sort();
        for (name, value) in headers {
            writeln!(f, "{name}: {value}")?;
        }
        if !self.body.is_empty() {
            writeln!(f, "\n{}", self.text().trim_end())?;
        }
        Ok(())
    }
}
