//! `reg serve`. To be written.

use super::context::Context;
use super::failure::{Failure, Kind};

/// Run a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_context: &Context, _args: &Args) -> Result<(), Failure> {
    Err(Failure::message(Kind::Failed, "not written yet"))
}
