//! The integration tests: the real binary and literal bytes over the wire.

mod api;
mod client;
mod crash;
mod cli;
mod support;
mod tidy;
