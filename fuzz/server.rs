//! What the configuration needs of the server.

#[path = "config.rs"]
pub(crate) mod config;

/// What `defaults` needs of the server's.
pub(crate) struct Address;

impl Address {
    pub(crate) const LOCAL: Self = Self;
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("127.0.0.1:5000")
    }
}
