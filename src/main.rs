//! The binary: hands the arguments to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    reg::run(std::env::args_os())
}
