//! The peer suites: every other registry and client that we promise to work with, as it is, against the real binary.
//!
//! `.ci/install-peers` installs the programs; a test without its program says so (see `support/programs.rs`).
#![expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests that say what they skip, and wait for other programs"
)]

mod support;

mod acme;
mod buildah;
mod cli_registries;
mod command_lines;
mod crane;
mod debian;
mod differential;
mod docker;
mod examples;
mod fronts;
mod gc;
mod guides;
mod logins;
mod nginx;
mod notifications;
mod packaged_binary;
mod packaged_image;
mod podman;
mod regctl;
mod s3;
mod samples;
mod skopeo;
mod storage;
mod traces;
mod volume;
