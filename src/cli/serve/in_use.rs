//! Who has the directory of a server open beside it.

use std::path::Path;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::server::config::Storage;
use crate::store::{InUse, Marked};

/// Several servers may share a directory, behind one name and on one file system of many machines; somebody who has just
/// forgotten the first one is told of it. Beside a garbage collection nobody serves.
pub(super) fn mark(context: &Context, storage: &Storage) -> Result<Option<InUse>, Failure> {
    let Storage::Filesystem { root } = storage else { return Ok(None) };
    match InUse::serve(root) {
        Marked::Alone(mark) => Ok(Some(mark)),
        Marked::Shared(mark) => {
            let note = format!("note: another reg serve has its data in {} too; they share it", root.display());
            context.output.note(note);
            Ok(Some(mark))
        }
        Marked::Refused => Err(collecting(root)),
        Marked::Unknown => Ok(None),
    }
}

/// Marks what of it was made since; for the end of a start, so that one that fails makes nothing.
pub(super) fn complete(in_use: Option<&mut InUse>) -> Result<(), Failure> {
    let Some(in_use) = in_use else { return Ok(()) };
    if in_use.complete() { Ok(()) } else { Err(collecting(in_use.root())) }
}

fn collecting(root: &Path) -> Failure {
    let why = format!("cannot start the registry: a garbage collection is under way in {}", root.display());
    Failure::message(Kind::Failed, why).with_hint("start it again when that has ended")
}
