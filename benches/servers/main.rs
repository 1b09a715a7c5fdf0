//! `cargo bench --bench servers [-- OPTIONS]`: the same work on `reg serve` and on every other registry that is installed,
//! in one run.
//!
//! Prints, per work, what a second of the server's CPU does (machines are noisy, CPU time is less so), the wall time
//! rate, and the ratio to the best peer. Programs are looked for on PATH and in `REG_PEERS_BIN`: `docker-registry` (2.8),
//! `registry` (3.x), `zot`, `olareg`, `nginx` (static files: a ceiling, no registry).
//!
//! Options: `--quick`, `--only SERVER,…`, `--work NAME,…`, `--repositories N`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, not the binary")]

mod collect;
mod http;
mod process;
mod report;
mod seed;
mod work;

use std::process::ExitCode;

/// What the command line chose.
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) work: Option<Vec<String>>,
    pub(crate) repositories: usize,
}

fn options() -> Result<Options, String> {
    let mut options = Options { quick: false, only: None, work: None, repositories: 2000 };
    let mut arguments = std::env::args().skip(1);
    let list = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--only" => options.only = Some(list(value()?)),
            "--work" => options.work = Some(list(value()?)),
            "--repositories" => options.repositories = value()?.parse().map_err(|_| "not a number".to_owned())?,
            "--bench" => {} // cargo's own
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let chosen =
        |kind: &process::Kind| options.only.as_ref().is_none_or(|only| only.iter().any(|name| name == kind.name()));
    let mut table = report::Table::default();
    for kind in process::Kind::ALL.iter().filter(|kind| chosen(kind)) {
        if let Err(error) = collect::run(*kind, &options, &mut table) {
            eprintln!("{}: garbage-collect: {error}", kind.name());
        }
        match process::Server::start(*kind) {
            Ok(Some(server)) => {
                eprintln!("# {}", kind.name());
                if let Err(error) = work::run(&server, &options, &mut table) {
                    eprintln!("{}: {error}", kind.name());
                }
            }
            Ok(None) => eprintln!("SKIPPED: {} is not installed", kind.name()),
            Err(error) => eprintln!("{}: {error}", kind.name()),
        }
    }
    println!("{table}");
    ExitCode::SUCCESS
}
