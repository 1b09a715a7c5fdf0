//! Tests of `blobs.rs`.
