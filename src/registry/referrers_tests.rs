//! Tests of `referrers.rs`.
