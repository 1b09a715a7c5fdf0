//! Keys as JSON (RFC 7517): one in the header of a token, many in a file.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

use super::algorithm::Algorithm;
use super::key::{Curve, Key};

/// A key as it is written. What it says beside is not looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Jwk {
    kty: String,
    pub(super) kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    k: Option<String>,
    /// Certificates, the first of this key: DER in base64.
    pub(super) x5c: Option<Vec<String>>,
}

/// Keys of a file. One that cannot be read is left out, as RFC 7517 §5 says.
#[derive(Deserialize)]
pub(super) struct JwkSet {
    pub(super) keys: Vec<serde_json::Value>,
}

/// Why a key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JwkError {
    #[error("it is of a kind that is not known")]
    Kind,
    #[error("a member is missing or no base64url")]
    Member,
    #[error("it is not for signatures")]
    Purpose,
    #[error("its algorithm is not known")]
    Algorithm,
}

impl Jwk {
    /// The key, and the one algorithm that it is for where it says so.
    pub(super) fn read(&self) -> Result<(Key, Option<Algorithm>), JwkError> {
        let can_verify = self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !can_verify || self.purpose.as_ref().is_some_and(|purpose| purpose != "sig") {
            return Err(JwkError::Purpose);
        }
        let algorithm = match &self.alg {
            Some(name) => Some(Algorithm::named(name).ok_or(JwkError::Algorithm)?),
            None => None,
        };
        Ok((self.key()?, algorithm))
    }

    fn key(&self) -> Result<Key, JwkError> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Ok(Key::rsa(&bytes(&self.n)?, &bytes(&self.e)?)),
            ("EC", Some(name)) => {
                let curve = Curve::named(name).ok_or(JwkError::Kind)?;
                let mut point = vec![4];
                for number in [bytes(&self.x)?, bytes(&self.y)?] {
                    // Some writers leave leading zeros out, against RFC 7518 §6.2.1.2.
                    let missing = curve.width().checked_sub(number.len()).ok_or(JwkError::Member)?;
                    point.resize(point.len() + missing, 0);
                    point.extend(number);
                }
                Ok(Key::Ec { curve, point })
            }
            ("OKP", Some("Ed25519")) => Ok(Key::Ed25519(bytes(&self.x)?)),
            ("oct", _) => Ok(Key::Secret(bytes(&self.k)?)),
            _ => Err(JwkError::Kind),
        }
    }
}

fn bytes(member: &Option<String>) -> Result<Vec<u8>, JwkError> {
    let text = member.as_ref().ok_or(JwkError::Member)?;
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| JwkError::Member)?;
    if bytes.is_empty() { Err(JwkError::Member) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<(Key, Option<Algorithm>), JwkError> {
        serde_json::from_str::<Jwk>(json).expect("JSON").read()
    }

    #[test]
    fn keys_and_what_is_none() {
        let short = read(r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"Ag","alg":"ES256","use":"sig"}"#);
        let mut point = vec![4; 65];
        point[1..].fill(0);
        (point[32], point[64]) = (1, 2);
        assert!(short == Ok((Key::Ec { curve: Curve::P256, point }, Some(Algorithm::Es256))));
        assert!(read(r#"{"kty":"oct","k":"c2VjcmV0"}"#) == Ok((Key::Secret(b"secret".to_vec()), None)));
        for (json, fault) in [
            (r#"{"kty":"PQ"}"#, JwkError::Kind),
            (r#"{"kty":"EC","x":"AQ","y":"Ag"}"#, JwkError::Kind),
            (r#"{"kty":"EC","crv":"secp256k1","x":"AQ","y":"Ag"}"#, JwkError::Kind),
            (r#"{"kty":"OKP","crv":"Ed448","x":"AQ"}"#, JwkError::Kind),
            (r#"{"kty":"EC","crv":"P-256","x":"AQ"}"#, JwkError::Member),
            (r#"{"kty":"oct","k":""}"#, JwkError::Member),
            (r#"{"kty":"oct","k":"c2VjcmV0="}"#, JwkError::Member),
            (r#"{"kty":"oct","k":"c2VjcmV0","use":"enc"}"#, JwkError::Purpose),
            (r#"{"kty":"oct","k":"c2VjcmV0","key_ops":["sign"]}"#, JwkError::Purpose),
            (r#"{"kty":"oct","k":"c2VjcmV0","alg":"none"}"#, JwkError::Algorithm),
        ] {
            assert!(read(json) == Err(fault), "{json}");
        }
    }
}
