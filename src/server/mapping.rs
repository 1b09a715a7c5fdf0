//! The one module with `unsafe`: an open file as a range of addresses.
//!
//! Proof. `Mmap::map` asks that nobody changes the file while the mapping lives: a change under a `&[u8]` would be a data
//! race, and an access behind a shortened end a signal. The files mapped here are blobs that a driver handed out as
//! [`Data::File`](crate::store::Data::File), "an open file that nobody ever changes": they are written elsewhere, named
//! by the digest of their content, and removed by unlinking, which leaves open files alone. Nobody else in the program
//! opens them for writing. Somebody outside of it who shortens a blob by hand is met by the system calls of the
//! connection, which are all that read the pages (`sendfile` from the file, or `writev` from the mapping): they answer
//! an error (0 bytes, `EFAULT`), and the connection ends.

use std::fs::File;

use memmap2::{Mmap, MmapOptions};

use crate::spec::ByteRange;

/// Maps a part of `file`, which must be a blob as a driver opened it.
///
/// # Errors
/// What the system answers: no memory, too many mappings, a file that cannot be mapped.
#[expect(unsafe_code, reason = "mapping a file is unsafe by nature; the proof stands above")]
pub(super) fn map(file: &File, range: ByteRange) -> std::io::Result<Mmap> {
    let len = usize::try_from(range.len()).map_err(|_| std::io::ErrorKind::FileTooLarge)?;
    // SAFETY: see the head of this file: nobody changes the file while the mapping lives.
    unsafe { MmapOptions::new().offset(range.start).len(len).map(file) }
}
