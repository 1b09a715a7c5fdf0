//! Tests of `catalog.rs`.
