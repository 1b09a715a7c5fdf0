//! Tests of `hash_state.rs`.
