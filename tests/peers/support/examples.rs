//! The files below `examples/`, with the addresses and paths of a test in place of those of a reader.

use std::fs;
use std::path::Path;

/// A file below `examples/`.
pub(crate) fn example(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text with one thing in the place of another. What is not there any more fails: the test would try something else.
pub(crate) fn put(text: &str, instead_of: &str, new: &str) -> String {
    assert!(text.contains(instead_of), "{instead_of:?} is not in the example:\n{text}");
    text.replace(instead_of, new)
}

/// As [`put`], for the first of several.
pub(crate) fn put_first(text: &str, instead_of: &str, new: &str) -> String {
    assert!(text.contains(instead_of), "{instead_of:?} is not in the example:\n{text}");
    text.replacen(instead_of, new, 1)
}
