//! `reg copy`. To be written.

use super::context::Context;
use super::failure::{Failure, Kind};

/// Copy images between registries and image layouts
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_context: &Context, _args: &Args) -> Result<(), Failure> {
    Err(Failure::message(Kind::Failed, "not written yet"))
}
