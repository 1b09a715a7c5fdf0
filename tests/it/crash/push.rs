//! A client that pushes images until the server dies, and writes down what it was told.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use super::Random;
use super::wire::{Connection, path_of};

pub(crate) const TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// What the clients know. Everything is `(repository, …)`.
#[derive(Default)]
pub(crate) struct Log {
    /// Answered 201: digest and bytes.
    pub(crate) blobs: Vec<(String, String, Vec<u8>)>,
    pub(crate) manifests: Vec<(String, String, Vec<u8>)>,
    /// By repository and tag: what was acknowledged last, and what was asked for since.
    pub(crate) tags: BTreeMap<(String, String), (Option<String>, Vec<String>)>,
    /// Asked for and not answered.
    pub(crate) open_blobs: Vec<(String, String, Vec<u8>)>,
    pub(crate) open_manifests: Vec<(String, String, Vec<u8>)>,
    pub(crate) sessions: Vec<Session>,
    /// How far `verify::recent` has come.
    pub(crate) verified: (usize, usize),
    pub(crate) resumed: u64,
}

/// An upload session that was cut.
pub(crate) struct Session {
    pub(crate) repository: String,
    pub(crate) location: String,
    pub(crate) bytes: Vec<u8>,
    /// Acknowledged by 202s.
    pub(crate) acknowledged: usize,
    /// The closing PUT was on its way: the session may be over.
    pub(crate) closing: bool,
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)))
}

pub(crate) struct Pusher {
    client: u64,
    repository: String,
    random: Random,
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
    tick: Sender<()>,
}

impl Pusher {
    pub(crate) fn new(client: u64, round: u64, address: SocketAddr, log: Arc<Mutex<Log>>, tick: Sender<()>) -> Self {
        // Two clients share a repository, no two a tag: what a tag must point to is known exactly.
        let repository = format!("crash/r{}", client / 2);
        Self { client, repository, random: Random::new(round * 31 + client + 1), address, log, tick }
    }

    pub(crate) fn push_until_cut(&mut self) {
        let Ok(mut connection) = Connection::open(self.address) else { return };
        while self.push_image(&mut connection).is_ok() {}
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().expect("not poisoned")
    }

    fn ticked(&self) {
        // The test may have stopped counting already.
        let _ = self.tick.send(());
    }

    fn push_image(&mut self, connection: &mut Connection) -> io::Result<()> {
        let config_len = 100 + self.random.below(400) as usize;
        let layer_len = 1 + self.random.below(200_000) as usize;
        let (config, layer) = (self.random.bytes(config_len), self.random.bytes(layer_len));
        self.push_blob(connection, &layer)?;
        self.push_blob(connection, &config)?;
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{TYPE}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":{}}}]}}"#,
            digest(&config),
            config.len(),
            digest(&layer),
            layer.len()
        );
        self.put_manifest(connection, manifest.into_bytes())
    }

    fn push_blob(&mut self, connection: &mut Connection, bytes: &[u8]) -> io::Result<()> {
        let started = connection.send("POST", &format!("/v2/{}/blobs/uploads/", self.repository), "", b"")?;
        assert_eq!(started.status, 202);
        let mut location = path_of(started.header("location").expect("Location")).to_owned();
        let mut sent = 0;
        let id = self.open_session(location.clone(), bytes);
        while sent < bytes.len() && self.random.below(3) > 0 {
            let end = bytes.len().min(sent + 1 + self.random.below(60_000) as usize);
            let range = format!("Content-Range: {sent}-{}\r\n", end - 1);
            let answer = connection.send("PATCH", &location, &range, &bytes[sent..end])?;
            assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
            location = path_of(answer.header("location").expect("Location")).to_owned();
            sent = end;
            self.with_session(&id, |session| session.acknowledged = sent);
            self.ticked();
        }
        let name = digest(bytes);
        self.with_session(&id, |session| session.closing = true);
        self.log().open_blobs.push((self.repository.clone(), name.clone(), bytes.to_vec()));
        let separator = if location.contains('?') { '&' } else { '?' };
        let answer = connection.send("PUT", &format!("{location}{separator}digest={name}"), "", &bytes[sent..])?;
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        let mut log = self.log();
        log.open_blobs.retain(|(_, digest, _)| *digest != name);
        log.sessions.retain(|session| session.location != id);
        log.blobs.push((self.repository.clone(), name, bytes.to_vec()));
        drop(log);
        self.ticked();
        Ok(())
    }

    /// Writes the session down; its first location names it in the log.
    fn open_session(&self, location: String, bytes: &[u8]) -> String {
        let id = location.clone();
        let repository = self.repository.clone();
        let session = Session { repository, location, bytes: bytes.to_vec(), acknowledged: 0, closing: false };
        self.log().sessions.push(session);
        id
    }

    fn with_session(&self, id: &str, change: impl FnOnce(&mut Session)) {
        let mut log = self.log();
        let session = log.sessions.iter_mut().find(|session| session.location == id);
        change(session.expect("an open session"));
    }

    fn put_manifest(&mut self, connection: &mut Connection, bytes: Vec<u8>) -> io::Result<()> {
        let (name, tag) = (digest(&bytes), format!("{}-{}", self.client, self.random.below(5)));
        let key = (self.repository.clone(), tag.clone());
        self.log().tags.entry(key.clone()).or_default().1.push(name.clone());
        self.log().open_manifests.push((self.repository.clone(), name.clone(), bytes.clone()));
        let target = format!("/v2/{}/manifests/{tag}", self.repository);
        let answer = connection.send("PUT", &target, &format!("Content-Type: {TYPE}\r\n"), &bytes)?;
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        let mut log = self.log();
        log.open_manifests.retain(|(_, digest, _)| *digest != name);
        log.manifests.push((self.repository.clone(), name.clone(), bytes));
        log.tags.insert(key, (Some(name), Vec::new()));
        drop(log);
        self.ticked();
        Ok(())
    }
}
