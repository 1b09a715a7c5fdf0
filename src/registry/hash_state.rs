//! The saved state of a hasher in distribution's form, which is Go's `encoding.BinaryMarshaler` of `crypto/sha256` and
//! `crypto/sha512`: an upload begun by either registry is continued by the other without reading its bytes again.
//!
//! ```text
//! Go     magic   words, big endian      last block, zeros behind its bytes   length in bytes, u64 big endian
//! sha2           words, little endian   blocks, little endian (u64 or u128)  1 byte: bytes in the last block   last block
//! ```
//!
//! The last block is 64 bytes for sha256 and 128 for sha512; `sha2` stores it without its last byte, which a state never
//! holds.

use crate::spec::{Algorithm, Hasher};

/// Sizes of one algorithm's state.
struct Shape {
    magic: &'static [u8; 4],
    /// Bytes of a word, of which a state has eight; the block counter of `sha2` has two of them for sha512.
    word: usize,
    /// Bytes of `sha2`'s block counter.
    counter: usize,
    block: usize,
}

const fn shape(algorithm: Algorithm) -> Shape {
    match algorithm {
        Algorithm::Sha256 => Shape { magic: b"sha\x03", word: 4, counter: 8, block: 64 },
        Algorithm::Sha512 => Shape { magic: b"sha\x07", word: 8, counter: 16, block: 128 },
    }
}

/// Writes the state of a hasher that was fed `len` bytes.
pub(super) fn save(hasher: &Hasher, len: u64) -> Vec<u8> {
    let Shape { magic, word, counter, block } = shape(hasher.algorithm());
    let state = hasher.save();
    let (words, rest) = state.split_at(8 * word);
    let (filled, tail) = rest[counter..].split_at(1);
    let mut out = Vec::with_capacity(4 + 8 * word + block + 8);
    out.extend_from_slice(magic);
    out.extend(words.chunks_exact(word).flat_map(|word| word.iter().rev()));
    out.extend_from_slice(&tail[..usize::from(filled[0])]);
    out.resize(4 + 8 * word + block, 0);
    out.extend_from_slice(&len.to_be_bytes());
    out
}

/// Reads a state behind exactly `len` bytes; `None` for anything else.
pub(super) fn restore(algorithm: Algorithm, bytes: &[u8], len: u64) -> Option<Hasher> {
    let Shape { magic, word, counter, block } = shape(algorithm);
    let rest = bytes.strip_prefix(magic)?;
    if rest.len() != 8 * word + block + 8 || rest[8 * word + block..] != len.to_be_bytes() {
        return None;
    }
    let filled = usize::try_from(len % block as u64).ok()?;
    let tail = &rest[8 * word..][..filled];
    let mut state = Vec::with_capacity(8 * word + counter + block);
    state.extend(rest[..8 * word].chunks_exact(word).flat_map(|word| word.iter().rev()));
    state.extend_from_slice(&u128::from(len / block as u64).to_le_bytes()[..counter]);
    state.push(u8::try_from(filled).ok()?);
    state.extend_from_slice(tail);
    state.resize(8 * word + counter + block, 0);
    Hasher::restore(algorithm, &state)
}

#[cfg(test)]
#[path = "hash_state_tests.rs"]
mod tests;
