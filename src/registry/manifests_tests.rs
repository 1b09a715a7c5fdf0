//! Tests of `manifests.rs`.
