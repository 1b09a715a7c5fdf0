//! Tests of `uploads.rs`.
