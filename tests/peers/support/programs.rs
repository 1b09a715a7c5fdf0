//! Where the other programs are, and what a test does without one.
//!
//! A program is looked for in the directory named by `REG_PEERS_BIN`, in `target/peers/bin` (where `.ci/install-peers`
//! puts what it builds) and on `PATH`. Without it a test says so and passes, unless `REG_TEST_PEERS=required`; with
//! `REG_TEST_PEERS=off` no test of this binary runs.

use std::env;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// Run what can be run.
    Available,
    /// A program that is missing fails the test.
    Required,
    Off,
}

fn policy() -> Policy {
    match env::var("REG_TEST_PEERS").as_deref() {
        Ok("required") => Policy::Required,
        Ok("off") => Policy::Off,
        Ok("") | Err(_) => Policy::Available,
        Ok(other) => panic!("REG_TEST_PEERS={other}: expected `required` or `off`"),
    }
}

fn locate(name: &str) -> Option<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin");
    let named = env::var_os("REG_PEERS_BIN").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain([built])
        .chain(env::split_paths(&path))
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// The program, or `None` after saying what is not tested. Fails where every program is required.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    look(name, policy())
}

/// As [`find`], for a program that no package registry has: never required.
pub(crate) fn find_optional(name: &str) -> Option<PathBuf> {
    look(name, if policy() == Policy::Off { Policy::Off } else { Policy::Available })
}

/// What a script of this repository makes, relative to its root.
pub(crate) fn find_built(path: &str, script: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    match policy() {
        Policy::Off => return None,
        _ if found.exists() => return Some(found),
        Policy::Required => panic!("{test}: {path} is not there: run {script}"),
        Policy::Available => eprintln!("\n*** SKIPPED: {test} ({path} is not there: {script})\n"),
    }
    None
}

/// Where `.ci/install-peers` puts the configurations that distribution shows, a folder for each version.
pub(crate) fn find_samples() -> Option<PathBuf> {
    find_folder("samples")
}

/// Where it puts packages of Python.
pub(crate) fn find_python() -> Option<PathBuf> {
    find_folder("python")
}

fn find_folder(name: &str) -> Option<PathBuf> {
    let beside = env::var_os("REG_PEERS_BIN").map(|bin| Path::new(&bin).join("..").join(name));
    beside.filter(|path| path.is_dir()).or_else(|| find_built(&format!("target/peers/{name}"), ".ci/install-peers"))
}

fn look(name: &str, policy: Policy) -> Option<PathBuf> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    if policy == Policy::Off {
        eprintln!("SKIPPED: {test} (REG_TEST_PEERS=off)");
        return None;
    }
    let found = locate(name);
    match (&found, policy) {
        (None, Policy::Required) => panic!("{test}: program {name} is not installed: run .ci/install-peers"),
        (None, _) => eprintln!("\n*** SKIPPED: {test} (program {name} is not installed: .ci/install-peers)\n"),
        (Some(_), _) => {}
    }
    found
}

/// The path of a program, or the end of the test.
macro_rules! require {
    ($name:expr) => {
        match $crate::support::programs::find($name) {
            Some(path) => path,
            None => return,
        }
    };
}

/// The value behind an `Option` that was already explained, or the end of the test.
macro_rules! available {
    ($option:expr) => {
        match $option {
            Some(value) => value,
            None => return,
        }
    };
}

pub(crate) use {available, require};
