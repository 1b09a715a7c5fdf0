//! See `forwarded` in `lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| reg_fuzz::forwarded(data));
