//! Lines in files, first in, first out: what one endpoint still has to hear, over the end of the process.
//!
//! A line that [`Queue::push`] took is with the operating system when it returns: it survives `kill -9`. [`Queue::sync`]
//! brings it onto the disk, where it survives a power failure too. [`Queue::done`] notes how far the reader has come; a
//! note that a power failure took back makes lines come twice, and none be lost.
//!
//! On disk: segments `<number>.lines`, each removed when it was read, and `read`, the reader's place. What a crash cut in
//! half has no newline and is cut off when the queue is opened again.
//!
//! Knows nothing of what is in the lines. One process at a time opens a queue: the caller sees to it.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A segment that has grown to this many bytes is not written to any more.
const SEGMENT_BYTES: u64 = if cfg!(test) { 64 } else { 1 << 20 };

/// Bytes that are read at once. Most lines have one or two thousand.
const READ_BYTES: usize = if cfg!(test) { 16 } else { 16 << 10 };

const SUFFIX: &str = ".lines";

/// Lines on disk.
#[derive(Debug)]
pub(super) struct Queue {
    directory: PathBuf,
    bytes_max: u64,
    state: Mutex<State>,
    pushed: Notify,
}

#[derive(Debug)]
struct State {
    /// Oldest first. There is always one: the last is written to.
    segments: VecDeque<Segment>,
    writer: File,
    /// Of the first segment.
    reader: File,
    /// How far the first segment was read.
    read: u64,
    /// Where that is noted.
    note: File,
    /// Lines that nobody has read.
    pending: u64,
    /// Segments that are not written to any more and may not be on the disk yet.
    unsynced: Vec<File>,
    is_synced: bool,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    number: u64,
    bytes: u64,
}

/// Why a line was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the queue has {0} bytes and must not have more")]
    Full(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Queue {
    /// Opens what is in a directory, or makes it. It is to hold at most `bytes_max` bytes that nobody has read.
    pub(super) fn open(directory: &Path, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut segments = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).and_then(|name| name.parse().ok());
            if let Some(number) = number {
                segments.push(Segment { number, bytes: whole_lines(&entry.path())? });
            }
        }
        segments.sort_by_key(|segment| segment.number);
        let note =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(directory.join("read"))?;
        let mut noted = String::new();
        io::Read::read_to_string(&mut &note, &mut noted).or_else(|error| match error.kind() {
            // What a power failure left: everything comes again.
            io::ErrorKind::InvalidData => Ok(0),
            _ => Err(error),
        })?;
        let (number, read) = parse_note(&noted).unwrap_or_default();
        // A segment is removed after the note that leads behind it.
        for segment in segments.extract_if(.., |segment| segment.number < number) {
            fs::remove_file(path(directory, segment.number))?;
        }
        if segments.is_empty() {
            segments.push(Segment { number: number.max(1), bytes: 0 });
        }
        let first = segments[0];
        let read = if first.number == number { read.min(first.bytes) } else { 0 };
        let last = segments[segments.len() - 1];
        let writer = OpenOptions::new().append(true).create(true).open(path(directory, last.number))?;
        writer.set_len(last.bytes)?;
        let reader = File::open(path(directory, first.number))?;
        let mut pending = 0;
        for segment in &segments {
            let from = if segment.number == first.number { read } else { 0 };
            pending += count_lines(&path(directory, segment.number), from, segment.bytes)?;
        }
        let state = State {
            segments: segments.into(),
            writer,
            reader,
            read,
            note,
            pending,
            unsynced: Vec::new(),
            is_synced: true,
        };
        let queue =
            Self { directory: directory.to_owned(), bytes_max, state: Mutex::new(state), pushed: Notify::new() };
        Ok(queue)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a line at the end. It has no newline in it.
    pub(super) fn push(&self, line: &[u8]) -> Result<(), Refused> {
        let mut state = self.lock();
        let bytes = line.len() as u64 + 1;
        if state.bytes() + bytes > self.bytes_max {
            return Err(Refused::Full(self.bytes_max));
        }
        let mut last = state.segments[state.segments.len() - 1];
        if last.bytes >= SEGMENT_BYTES {
            last = Segment { number: last.number + 1, bytes: 0 };
            let next = OpenOptions::new().append(true).create_new(true).open(path(&self.directory, last.number))?;
            let full = std::mem::replace(&mut state.writer, next);
            state.unsynced.push(full);
            state.segments.push_back(last);
        }
        let mut whole = Vec::with_capacity(line.len() + 1);
        whole.extend_from_slice(line);
        whole.push(b'\n');
        if let Err(error) = state.writer.write_all(&whole) {
            // Half of a line must not become the beginning of the next one.
            let _ = state.writer.set_len(last.bytes);
            return Err(error.into());
        }
        if let Some(last) = state.segments.back_mut() {
            last.bytes += bytes;
        }
        state.pending += 1;
        state.is_synced = false;
        drop(state);
        self.pushed.notify_one();
        Ok(())
    }

    /// The oldest line that was not read yet.
    pub(super) fn front(&self) -> io::Result<Option<Vec<u8>>> {
        let mut state = self.lock();
        loop {
            let Some(first) = state.segments.front().copied() else { return Ok(None) };
            if state.read < first.bytes {
                let mut line = Vec::new();
                loop {
                    let at = state.read + line.len() as u64;
                    let mut part = vec![0; READ_BYTES.min(usize::try_from(first.bytes - at).unwrap_or(READ_BYTES))];
                    state.reader.read_exact_at(&mut part, at)?;
                    if let Some(end) = part.iter().position(|&byte| byte == b'\n') {
                        line.extend_from_slice(&part[..end]);
                        return Ok(Some(line));
                    }
                    line.extend_from_slice(&part);
                }
            }
            if state.segments.len() == 1 {
                return Ok(None);
            }
            let next = state.segments[1];
            let reader = File::open(path(&self.directory, next.number))?;
            write_note(&state.note, next.number, 0)?;
            fs::remove_file(path(&self.directory, first.number))?;
            state.segments.pop_front();
            (state.reader, state.read) = (reader, 0);
        }
    }

    /// Goes behind the oldest line, which is this one.
    pub(super) fn done(&self, line: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.read += line.len() as u64 + 1;
        state.pending = state.pending.saturating_sub(1);
        let number = state.segments.front().map_or(0, |first| first.number);
        write_note(&state.note, number, state.read)
    }

    /// Waits until there may be something to read.
    pub(super) async fn pushed(&self) {
        self.pushed.notified().await;
    }

    /// Lines that nobody has read.
    pub(super) fn pending(&self) -> u64 {
        self.lock().pending
    }

    /// Brings onto the disk what was pushed since the last time. Waits for it.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut files = {
            let mut state = self.lock();
            if std::mem::replace(&mut state.is_synced, true) {
                return Ok(());
            }
            std::mem::take(&mut state.unsynced)
        };
        files.push(self.lock().writer.try_clone()?);
        for file in files {
            file.sync_data()?;
        }
        // The names of new segments.
        File::open(&self.directory)?.sync_all()
    }
}

impl State {
    /// Bytes that nobody has read.
    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum::<u64>() - self.read
    }
}

fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:020}{SUFFIX}"))
}

/// Always as long as before, so that none is ever half old.
fn write_note(note: &File, number: u64, read: u64) -> io::Result<()> {
    note.write_all_at(format!("{number:020} {read:020}\n").as_bytes(), 0)
}

fn parse_note(text: &str) -> Option<(u64, u64)> {
    let (number, read) = text.strip_suffix('\n')?.split_once(' ')?;
    Some((number.parse().ok()?, read.parse().ok()?))
}

/// The length of a file without what is behind its last newline.
fn whole_lines(path: &Path) -> io::Result<u64> {
    let bytes = fs::read(path)?;
    Ok(bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at as u64 + 1))
}

fn count_lines(path: &Path, from: u64, to: u64) -> io::Result<u64> {
    let bytes = fs::read(path)?;
    let part = bytes.get(usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0)).unwrap_or_default();
    Ok(part.iter().filter(|&&byte| byte == b'\n').count() as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    fn open(directory: &TempDir) -> Queue {
        Queue::open(&directory.path().join("a/b"), 1000).expect("opened")
    }

    fn all(queue: &Queue) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(line) = queue.front().expect("read") {
            queue.done(&line).expect("noted");
            all.push(String::from_utf8(line).expect("text"));
        }
        all
    }

    #[test]
    fn what_was_not_read_is_there_after_a_restart() {
        let directory = tempfile::tempdir().expect("made");
        let queue = open(&directory);
        for line in ["one", "two", "three"] {
            queue.push(line.as_bytes()).expect("taken");
        }
        assert_eq!(queue.front().expect("read").as_deref(), Some(&b"one"[..]));
        queue.done(b"one").expect("noted");
        assert_eq!((queue.pending(), queue.front().expect("read")), (2, Some(b"two".to_vec())));
        drop(queue);
        let queue = open(&directory);
        assert_eq!(queue.pending(), 2);
        assert_eq!(all(&queue), ["two", "three"]);
        drop(queue);
        assert_eq!(all(&open(&directory)), Vec::<String>::new());
    }

    #[test]
    fn half_a_line_is_none() {
        let directory = tempfile::tempdir().expect("made");
        open(&directory).push(b"whole").expect("taken");
        let segment = path(&directory.path().join("a/b"), 1);
        OpenOptions::new().append(true).open(&segment).expect("there").write_all(b"hal").expect("written");
        let queue = open(&directory);
        queue.push(b"next").expect("taken");
        assert_eq!(all(&queue), ["whole", "next"]);
    }

    #[test]
    fn a_note_that_says_nothing_brings_lines_again() {
        for note in ["", "garbage", "00000000000000000001 0000", "\u{0}\u{0}"] {
            let directory = tempfile::tempdir().expect("made");
            let queue = open(&directory);
            queue.push(b"one").expect("taken");
            queue.done(b"one").expect("noted");
            drop(queue);
            fs::write(directory.path().join("a/b/read"), note).expect("written");
            assert_eq!(all(&open(&directory)), ["one"], "{note:?}");
        }
    }

    #[test]
    fn it_is_full_until_somebody_reads() {
        let directory = tempfile::tempdir().expect("made");
        let queue = open(&directory);
        for _ in 0..100 {
            queue.push(b"123456789").expect("taken");
        }
        assert!(matches!(queue.push(b"x"), Err(Refused::Full(1000))));
        let line = queue.front().expect("read").expect("there");
        queue.done(&line).expect("noted");
        queue.push(b"x").expect("taken");
        assert!(matches!(queue.push(b"123456789"), Err(Refused::Full(1000))));
        assert_eq!(all(&queue).len(), 100);
        let left = fs::read_dir(directory.path().join("a/b")).expect("there").count();
        assert_eq!(left, 2, "the last segment and the note");
    }

    #[tokio::test]
    async fn who_waits_is_told() {
        let directory = tempfile::tempdir().expect("made");
        let queue = open(&directory);
        let mut waiting = std::pin::pin!(queue.pushed());
        assert!(futures_util::poll!(&mut waiting).is_pending());
        queue.push(b"x").expect("taken");
        waiting.await;
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Against a list in memory: pushes, reads, restarts.
        #[test]
        fn it_is_a_queue(steps in proptest::collection::vec((0..4_u8, 0..40_usize), 1..200)) {
            let directory = tempfile::tempdir().expect("made");
            let (mut queue, mut model, mut number) = (open(&directory), VecDeque::new(), 0);
            for (step, length) in steps {
                match step {
                    0 | 1 => {
                        number += 1;
                        let line = format!("{number}{}", "x".repeat(length));
                        if queue.push(line.as_bytes()).is_ok() {
                            model.push_back(line);
                        }
                    }
                    2 => {
                        let front = queue.front().expect("read");
                        prop_assert_eq!(front.as_deref(), model.front().map(String::as_bytes));
                        if let Some(line) = front {
                            queue.done(&line).expect("noted");
                            model.pop_front();
                        }
                    }
                    _ => {
                        drop(queue);
                        queue = open(&directory);
                    }
                }
                prop_assert_eq!(queue.pending(), model.len() as u64);
            }
            prop_assert_eq!(all(&queue), Vec::from(model));
        }
    }
}
