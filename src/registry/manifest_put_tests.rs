//! Tests of `manifest_put.rs`.
