//! Tests of `children.rs`.
