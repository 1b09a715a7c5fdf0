//! `reg gc-plan`. To be written.

use super::context::Context;
use super::failure::{Failure, Kind};

/// Show what retention and garbage collection would free
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_context: &Context, _args: &Args) -> Result<(), Failure> {
    Err(Failure::message(Kind::Failed, "not written yet"))
}
