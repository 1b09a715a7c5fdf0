//! `reg logout`. To be written.

use super::context::Context;
use super::failure::{Failure, Kind};

/// Forget the credentials of a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_context: &Context, _args: &Args) -> Result<(), Failure> {
    Err(Failure::message(Kind::Failed, "not written yet"))
}
