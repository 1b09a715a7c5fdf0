//! Tests of `tags.rs`.
