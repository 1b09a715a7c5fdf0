//! The integration tests: the real binary and literal bytes over the wire.

mod api;
mod cli;
mod client;
mod crash;
mod docs;
mod readme;
mod support;
mod tidy;
mod traced;
