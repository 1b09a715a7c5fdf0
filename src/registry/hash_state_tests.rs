//! Literal states: of Go's `crypto/sha256` and `crypto/sha512`, and of `sha2`.

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

/// Behind `abc`: the constants of FIPS 180-4 §5.3, the three bytes, zeros, the length.
fn go_sha256_abc() -> Vec<u8> {
    let mut state = b"sha\x03".to_vec();
    for word in
        [0x6a09_e667_u32, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19]
    {
        state.extend(word.to_be_bytes());
    }
    state.extend(b"abc");
    state.extend([0; 61]);
    state.extend([0, 0, 0, 0, 0, 0, 0, 3]);
    state
}

#[test]
fn a_state_in_the_first_block() {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(b"abc");
    assert_eq!(save(&hasher, 3), go_sha256_abc());

    let restored = restore(Algorithm::Sha256, &go_sha256_abc(), 3).expect("a state");
    let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(restored.finish().to_string(), expected);
}

/// Written by registry 2.8.2 for an upload of which 1,000 bytes `0xab` had come.
#[test]
fn a_state_that_distribution_left() {
    let state = GO_STATE_1000.replace([' ', '\n'], "");
    let state = HEXLOWER.decode(state.as_bytes()).expect("hex");
    let mut hasher = restore(Algorithm::Sha256, &state, 1000).expect("a state");
    assert_eq!(save(&hasher, 1000), state);
    hasher.update(b"the rest");
    let whole = [&[0xab; 1000][..], b"the rest"].concat();
    assert_eq!(hasher.finish(), Algorithm::Sha256.digest(&whole));
}

const GO_STATE_1000: &str = "
    73686103f39cde214a7299826a38a0a34f5c189fc373a81ca33656d5eaf3dc4db1807337
    abababababababababababababababababababababababababababababababababababab
    abababab00000000000000000000000000000000000000000000000000000000000003e8";

#[test]
fn what_is_no_state() {
    let good = go_sha256_abc();
    let with = |at: usize, byte: u8| {
        let mut state = good.clone();
        state[at] = byte;
        state
    };
    assert!(restore(Algorithm::Sha256, &good, 3).is_some());
    assert!(restore(Algorithm::Sha256, &good, 4).is_none(), "of another length");
    assert!(restore(Algorithm::Sha512, &good, 3).is_none(), "of another algorithm");
    assert!(restore(Algorithm::Sha256, &with(3, 2), 3).is_none(), "sha224");
    assert!(restore(Algorithm::Sha256, &with(100, 1), 3).is_none(), "a length that is not the file's");
    for len in 0..good.len() {
        assert!(restore(Algorithm::Sha256, &good[..len], 3).is_none(), "cut at {len}");
    }
}

proptest! {
    #[test]
    fn goes_on_where_it_was(first in proptest::collection::vec(any::<u8>(), 0..600), rest in "[a-z]{0,300}") {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(&first);
            let state = save(&hasher, first.len() as u64);
            prop_assert_eq!(state.len(), if algorithm == Algorithm::Sha256 { 108 } else { 204 });
            let mut restored = restore(algorithm, &state, first.len() as u64).expect("a state");
            restored.update(rest.as_bytes());
            prop_assert_eq!(restored.finish(), algorithm.digest(&[&first[..], rest.as_bytes()].concat()));
        }
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), len in any::<u64>()) {
        let _ = restore(Algorithm::Sha256, &bytes, len);
        let _ = restore(Algorithm::Sha512, &bytes, len);
    }
}
