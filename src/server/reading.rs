//! A part of a file as a body that is read bit by bit, for connections to which the kernel cannot send it by itself.
//!
//! Threads that may block read; a slow disk holds up nobody else. Memory is bounded: what is read ahead is one piece.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use crate::spec::ByteRange;
use crate::spec::limits::FILE_PIECE_BYTES;
use crate::store;

/// The bytes of `range`, in order.
pub(super) fn pieces(file: File, range: ByteRange) -> BoxStream<'static, store::Result<Bytes>> {
    let file = Arc::new(file);
    let starts = (range.start..range.end).step_by(FILE_PIECE_BYTES);
    let read = move |start: u64| {
        let file = Arc::clone(&file);
        let len = usize::try_from(range.end - start).map_or(FILE_PIECE_BYTES, |left| left.min(FILE_PIECE_BYTES));
        async move {
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; len];
                file.read_exact_at(&mut piece, start)?;
                Ok(Bytes::from(piece))
            });
            read.await.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(unreadable)
        }
    };
    stream::iter(starts).map(read).buffered(2).boxed()
}

/// What a file says that was opened and cannot be read.
pub(super) fn unreadable(source: std::io::Error) -> store::Error {
    store::Error::Io { key: "an open blob".into(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn every_byte_comes_once_and_in_order() {
        let content: Vec<u8> = (0..3 * FILE_PIECE_BYTES as u32 + 7).map(|n| (n / 7) as u8).collect();
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&content).expect("written");
        let all = content.len() as u64;
        for (start, end) in [(0, all), (5, all - 5), (0, FILE_PIECE_BYTES as u64), (9, 9)] {
            let pieces = pieces(file.try_clone().expect("a handle"), ByteRange { start, end });
            let pieces: Vec<Bytes> = pieces.try_collect().await.expect("read");
            assert!(pieces.iter().all(|piece| piece.len() <= FILE_PIECE_BYTES));
            assert!(pieces.concat() == content[start as usize..end as usize], "{start}..{end}");
        }
        let short = pieces(file, ByteRange { start: all - 1, end: all + 1 }).try_collect::<Vec<_>>().await;
        assert!(short.is_err(), "somebody has shortened the file");
    }
}
