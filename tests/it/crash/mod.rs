//! `kill -9`: clients push, the server dies at some moment, is started again, and must hold everything that it
//! acknowledged. What it did not acknowledge is absent or complete; cut uploads go on where they were.
//!
//! `REG_TEST_KILLS` says how often (60). The moments are chosen by counting answers with a seeded generator, and fall
//! into whatever the other clients are doing then.

mod push;
mod verify;
mod wire;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use crate::support::server::Server;
use push::{Log, Pusher};

const CLIENTS: u64 = 4;

/// A generator of our own, so that a seed means the same moments everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 33) % bound
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

fn address(server: &Server) -> SocketAddr {
    server.host.parse().expect("an address")
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let kills: u64 =
        std::env::var_os("REG_TEST_KILLS").map_or(60, |text| text.to_string_lossy().parse().expect("a number"));
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("registry");
    let log = Arc::new(Mutex::new(Log::default()));
    let mut random = Random::new(kills);
    for kill in 0..kills {
        let server = Server::start(&root);
        let (tick, ticks) = mpsc::channel();
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let mut pusher = Pusher::new(client, kill, address(&server), Arc::clone(&log), tick.clone());
                scope.spawn(move || pusher.push_until_cut());
            }
            drop(tick);
            for _ in 0..random.below(60) {
                if ticks.recv().is_err() {
                    break;
                }
            }
            server.signal("KILL");
        });
        let restarted = Server::start(&root);
        verify::recent(&mut log.lock().expect("not poisoned"), address(&restarted));
    }
    let last = Server::start(&root);
    let log = log.lock().expect("not poisoned");
    let checked = verify::everything(&log, address(&last));
    assert!(checked > kills, "{kills} kills left only {checked} things to check: nothing was pushed");
    assert!(log.resumed > 0 || kills < 30, "no upload was ever cut and resumed");
}
