//! What of a running server follows its configuration.
//!
//! Something more that is to change while the server runs is a key marked `live` in `config/keys.rs`, a field of
//! [`Live`], and a line in [`Reloadable::apply`]. Whatever can go wrong goes wrong where the configuration is read.

use std::sync::Arc;

use super::config::Live;
use super::handler::State;
use super::logging::Verbosity;
use super::make_room;
use super::room::Room;
use crate::registry::ReadOnlyBy;

/// The values of a running server that can be replaced.
#[derive(Clone, Debug)]
pub(crate) struct Reloadable {
    pub(super) state: Arc<State>,
    pub(super) connections: Arc<Room>,
    pub(super) verbosity: Verbosity,
}

impl Reloadable {
    /// Puts values in place of those that are in force; requests in progress may end with the old ones.
    pub(crate) fn apply(&self, live: &Live) {
        self.verbosity.set(live.level);
        self.state.registry.set_read_only(ReadOnlyBy::Configuration, live.read_only);
        self.state.registry.set_blob_bytes_max(live.blob_bytes_max);
        self.state.rates.replace(&live.limits.requests, live.limits.counts_loopback);
        make_room(&self.connections, &live.limits);
        self.state.proxies.replace(live.trusted.clone());
        if live.access.is_none() && self.state.guard.has_rules() {
            // A file that is being written may end before its last section; what would be opened by that stays closed.
            tracing::error!("access is gone from the configuration: its rules stay in force until a restart");
        } else {
            self.state.guard.set_rules(live.access.clone());
        }
    }

    /// Reads certificates, users and keys again. They are looked at on use as well; this is for who knows that they differ
    /// and wants to hear what is wrong with them. Waits for the file system.
    pub(crate) fn reread_files(&self) {
        self.state.guard.reread();
        if let Some(tls) = &self.state.tls {
            tls.reread();
        }
    }
}
