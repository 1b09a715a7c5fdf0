//! `reg`: a registry administration CLI and an OCI registry in one binary.
//!
//! Layers, imports only downward (`tests/it/tidy.rs` holds it): `spec`, `sys` · `content`, `gc` · `client`, `layout`,
//! `store` · `registry` · `server` · `cli`.

#![allow(dead_code, unused_imports)]
mod cli;
mod client;
mod content;
mod gc;
mod layout;
mod registry;
mod server;
mod spec;
mod store;
mod sys;

pub use cli::run;
