//! `reg catalog`. To be written.

use super::context::Context;
use super::failure::{Failure, Kind};

/// List the repositories of a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_context: &Context, _args: &Args) -> Result<(), Failure> {
    Err(Failure::message(Kind::Failed, "not written yet"))
}
