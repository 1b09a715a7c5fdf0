//! The command line.

use std::process::ExitCode;

/// Runs the program with its arguments and says how it went.
pub fn run(_arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    ExitCode::SUCCESS
}
