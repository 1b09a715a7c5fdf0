//! `reg ping`. To be written.

use super::context::Context;
use super::failure::{Failure, Kind};

/// Show whether a registry can be reached, and what it can do
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_context: &Context, _args: &Args) -> Result<(), Failure> {
    Err(Failure::message(Kind::Failed, "not written yet"))
}
