//! Digests: literal vectors, refusals, and saved states.

use proptest::prelude::*;

use super::*;

const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn known_vectors() {
    assert_eq!(Digest::sha256(b"").to_string(), EMPTY);
    assert_eq!(
        Algorithm::Sha512.digest(b"abc").to_string(),
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    );
    assert_eq!(EMPTY.parse::<Digest>().expect("valid").short(), "e3b0c44298fc");
}

#[test]
fn refuses_what_is_no_digest() {
    let hex = &EMPTY[7..];
    for text in [
        "",
        ":",
        "sha256",
        "sha256:",
        "sha256:abc",
        "sha256:baddigeststring",
        &format!("sha256:{}", hex.to_uppercase()),
        &format!("sha256:{hex}00"),
        &format!("sha256:../{}", &hex[3..]),
        &format!("SHA256:{hex}"),
        &format!("+sha256:{hex}"),
        &format!(" sha256:{hex}"),
        &format!("sha512:{hex}"),
    ] {
        assert!(matches!(text.parse::<Digest>(), Err(DigestError::Malformed(_))), "{text:?}");
    }
    for text in ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha384:00", "multihash+base58:Qm"] {
        assert!(matches!(text.parse::<Digest>(), Err(DigestError::Unsupported(_))), "{text:?}");
    }
}

proptest! {
    #[test]
    fn text_round_trips(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digest = algorithm.digest(&bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
            prop_assert!(digest.matches(&bytes));
        }
    }

    #[test]
    fn parse_never_panics(text in "\\PC{0,200}") {
        let _ = text.parse::<Digest>();
    }

    #[test]
    fn a_saved_state_continues(head in proptest::collection::vec(any::<u8>(), 0..300),
                               tail in proptest::collection::vec(any::<u8>(), 0..300)) {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(&head);
            let mut resumed = Hasher::restore(algorithm, &hasher.save()).expect("own state");
            resumed.update(&tail);
            prop_assert_eq!(resumed.finish(), algorithm.digest(&[head.clone(), tail.clone()].concat()));
        }
    }
}

#[test]
fn foreign_states_are_refused() {
    assert!(Hasher::restore(Algorithm::Sha256, b"").is_none());
    assert!(Hasher::restore(Algorithm::Sha512, &[0; 104]).is_none());
    assert!(Hasher::restore(Algorithm::Sha256, &[0xff; 104]).is_none());
}
