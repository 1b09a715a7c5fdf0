//! Tests of `referrer_scan.rs`.
