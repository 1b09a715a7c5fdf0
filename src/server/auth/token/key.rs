//! A key that signatures are verified with, its ids, and which algorithms it is for.
//!
//! The key decides what a signature must be: a public key is never taken as the secret of an HMAC, whatever a token says
//! about its algorithm.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self as sig, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use data_encoding::{BASE32, BASE64URL_NOPAD};
use rustls::pki_types::{AlgorithmIdentifier, alg_id};
use sha2::{Digest as _, Sha256};

use super::algorithm::Algorithm;

/// Numbers are big-endian.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Without leading zeros.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The point uncompressed (SEC 1 §2.3.3).
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519(Vec<u8>),
    /// What both sides know.
    Secret(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Bytes of a coordinate.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The key is not for this algorithm.
    Kind,
    Signature,
}

impl Key {
    /// The key of a certificate: the content of its SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), without the outer tag.
    /// `None` where it is of a kind that nothing is signed with here.
    pub(super) fn from_spki(content: &[u8]) -> Option<Self> {
        let (SEQUENCE, algorithm, rest) = der(content)? else { return None };
        let (BIT_STRING, bits, []) = der(rest)? else { return None };
        let bytes = bits.strip_prefix(&[0])?;
        let is = |known: AlgorithmIdentifier| algorithm == known.as_ref();
        let ec = |curve| Some(Self::Ec { curve, point: bytes.to_owned() });
        if is(alg_id::RSA_ENCRYPTION) {
            let (SEQUENCE, numbers, []) = der(bytes)? else { return None };
            let (INTEGER, modulus, rest) = der(numbers)? else { return None };
            let (INTEGER, exponent, []) = der(rest)? else { return None };
            Some(Self::rsa(modulus, exponent))
        } else if is(alg_id::ECDSA_P256) {
            ec(Curve::P256)
        } else if is(alg_id::ECDSA_P384) {
            ec(Curve::P384)
        } else if is(alg_id::ECDSA_P521) {
            ec(Curve::P521)
        } else if is(alg_id::ED25519) {
            Some(Self::Ed25519(bytes.to_owned()))
        } else {
            None
        }
    }

    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let trimmed = |number: &[u8]| number.iter().copied().skip_while(|&byte| byte == 0).collect();
        Self::Rsa { modulus: trimmed(modulus), exponent: trimmed(exponent) }
    }

    /// The id of RFC 7638: a hash of the key's required members. `None` for a secret, whose id would tell of it.
    pub(super) fn thumbprint(&self) -> Option<String> {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let members = match self {
            Self::Rsa { modulus, exponent } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(exponent), text(modulus))
            }
            Self::Ec { curve, point } => {
                let (x, y) = point.get(1..)?.split_at_checked(curve.width())?;
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, curve.name(), text(x), text(y))
            }
            Self::Ed25519(point) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(point)),
            Self::Secret(_) => return None,
        };
        Some(text(&Sha256::digest(members.as_bytes())))
    }

    /// # Errors
    /// The signature is not this key's over `message`.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Mismatch> {
        use Algorithm as A;
        let is_right = match (self, algorithm) {
            (Self::Rsa { modulus, exponent }, _) => {
                let parameters: &RsaParameters = match algorithm {
                    A::Rs256 => &sig::RSA_PKCS1_2048_8192_SHA256,
                    A::Rs384 => &sig::RSA_PKCS1_2048_8192_SHA384,
                    A::Rs512 => &sig::RSA_PKCS1_2048_8192_SHA512,
                    A::Ps256 => &sig::RSA_PSS_2048_8192_SHA256,
                    A::Ps384 => &sig::RSA_PSS_2048_8192_SHA384,
                    A::Ps512 => &sig::RSA_PSS_2048_8192_SHA512,
                    _ => return Err(Mismatch::Kind),
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature).is_ok()
            }
            (Self::Ec { curve, point }, _) => {
                let kind = match (curve, algorithm) {
                    (Curve::P256, A::Es256) => &sig::ECDSA_P256_SHA256_FIXED,
                    (Curve::P384, A::Es384) => &sig::ECDSA_P384_SHA384_FIXED,
                    (Curve::P521, A::Es512) => &sig::ECDSA_P521_SHA512_FIXED,
                    _ => return Err(Mismatch::Kind),
                };
                UnparsedPublicKey::new(kind, point).verify(message, signature).is_ok()
            }
            (Self::Ed25519(point), A::EdDsa) => {
                UnparsedPublicKey::new(&sig::ED25519, point).verify(message, signature).is_ok()
            }
            (Self::Secret(secret), A::Hs256) => hmac_is(hmac::HMAC_SHA256, 32, secret, message, signature)?,
            (Self::Secret(secret), A::Hs384) => hmac_is(hmac::HMAC_SHA384, 48, secret, message, signature)?,
            (Self::Secret(secret), A::Hs512) => hmac_is(hmac::HMAC_SHA512, 64, secret, message, signature)?,
            (Self::Ed25519(_) | Self::Secret(_), _) => return Err(Mismatch::Kind),
        };
        if is_right { Ok(()) } else { Err(Mismatch::Signature) }
    }
}

/// A secret must be as long as the hash at least (RFC 7518 §3.2).
fn hmac_is(
    kind: hmac::Algorithm,
    length_min: usize,
    secret: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Mismatch> {
    if secret.len() < length_min {
        return Err(Mismatch::Kind);
    }
    Ok(hmac::verify(&hmac::Key::new(kind, secret), message, signature).is_ok())
}

/// The id that libtrust gives to a key, and tokens for registry:2 name: 240 bits of a hash, in groups of four letters.
/// `content` as in [`Key::from_spki`].
pub(super) fn libtrust_id(content: &[u8]) -> String {
    let length = content.len();
    let mut head = vec![SEQUENCE];
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => head.push(short),
        Ok(long) => head.extend([0x81, long]),
        // A key of more than 64 KiB is none that anything signs with; its id stays unused.
        Err(_) => head.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    let hash = Sha256::new().chain_update(head).chain_update(content).finalize();
    let text = BASE32.encode(&hash[..30]);
    let groups: Vec<&str> = (0..text.len()).step_by(4).map(|at| &text[at..at + 4]).collect();
    groups.join(":")
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
pub(super) const SEQUENCE: u8 = 0x30;

/// Splits a value in DER off the front (X.690 §8.1): its tag, its content, what follows it. At most 64 KiB.
pub(super) fn der(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_the_rfc() {
        // RFC 7638 §3.1.
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZ\
                       CiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8\
                       KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G\
                       _xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let modulus = BASE64URL_NOPAD.decode(modulus.as_bytes()).expect("a number");
        let key = Key::rsa(&modulus, &[0, 1, 0, 1]);
        assert_eq!(key.thumbprint().as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        assert_eq!(Key::Secret(vec![1; 64]).thumbprint(), None);
    }

    #[test]
    fn der_that_ends_early_or_is_too_long() {
        assert_eq!(der(&[0x30, 1, 7, 9]), Some((0x30, &[7][..], &[9][..])));
        assert_eq!(der(&[0x30, 0x81, 1, 7]), Some((0x30, &[7][..], &[][..])));
        for bad in [&[][..], &[0x30], &[0x30, 1], &[0x30, 0x82, 1], &[0x30, 0x80], &[0x30, 0x83, 0, 0, 1, 7]] {
            assert_eq!(der(bad), None, "{bad:?}");
        }
        assert_eq!(Key::from_spki(&[0x30, 0, 0x03, 1, 0]).map(|_| ()), None);
    }
}
