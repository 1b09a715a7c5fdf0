//! Tests of `links.rs`.
