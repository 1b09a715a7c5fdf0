//! `reg`: a registry administration CLI and an OCI registry in one binary.

#![doc = include_str!("../ARCHITECTURE.md")]

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
