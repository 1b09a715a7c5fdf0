//! Error codes of the registry API as one table, and the JSON body that carries them (distribution-spec, "Error
//! Codes"; codes beyond the spec are distribution's).

use http::StatusCode;
use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($variant:ident $wire:literal $status:ident $message:literal;)*) => {
        /// A code of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ErrorCode { $($variant),* }

        impl ErrorCode {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code as it stands on the wire.
            pub(crate) const fn wire(self) -> &'static str {
                match self { $(Self::$variant => $wire),* }
            }

            /// The status an answer with this code has unless its handler has a reason for another.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),* }
            }

            /// The message when the handler has nothing more precise to say.
            pub(crate) const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message),* }
            }
        }
    };
}

error_codes! {
    BlobUnknown "BLOB_UNKNOWN" NOT_FOUND "blob unknown to registry";
    BlobUploadInvalid "BLOB_UPLOAD_INVALID" BAD_REQUEST "blob upload invalid";
    BlobUploadUnknown "BLOB_UPLOAD_UNKNOWN" NOT_FOUND "blob upload unknown to registry";
    DigestInvalid "DIGEST_INVALID" BAD_REQUEST "provided digest did not match uploaded content";
    ManifestBlobUnknown "MANIFEST_BLOB_UNKNOWN" BAD_REQUEST "manifest references a manifest or blob unknown to registry";
    ManifestInvalid "MANIFEST_INVALID" BAD_REQUEST "manifest invalid";
    ManifestTooLarge "MANIFEST_INVALID" PAYLOAD_TOO_LARGE "manifest is larger than this registry takes";
    ManifestUnknown "MANIFEST_UNKNOWN" NOT_FOUND "manifest unknown";
    NameInvalid "NAME_INVALID" BAD_REQUEST "invalid repository name";
    NameUnknown "NAME_UNKNOWN" NOT_FOUND "repository name not known to registry";
    SizeInvalid "SIZE_INVALID" BAD_REQUEST "provided length did not match content length";
    TagInvalid "TAG_INVALID" BAD_REQUEST "manifest tag did not match URI";
    RangeInvalid "RANGE_INVALID" RANGE_NOT_SATISFIABLE "invalid content range";
    PaginationNumberInvalid "PAGINATION_NUMBER_INVALID" BAD_REQUEST "invalid number of results requested";
    Unauthorized "UNAUTHORIZED" UNAUTHORIZED "authentication required";
    Denied "DENIED" FORBIDDEN "requested access to the resource is denied";
    Unsupported "UNSUPPORTED" METHOD_NOT_ALLOWED "The operation is unsupported.";
    TooManyRequests "TOOMANYREQUESTS" TOO_MANY_REQUESTS "too many requests";
    Unavailable "UNAVAILABLE" SERVICE_UNAVAILABLE "service unavailable";
    Unknown "UNKNOWN" INTERNAL_SERVER_ERROR "unknown error";
}

/// The body of an error answer, as written by us.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorBody {
    errors: [ErrorItem; 1],
}

#[derive(Debug, Serialize)]
struct ErrorItem {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    detail: serde_json::Value,
}

impl ErrorBody {
    pub(crate) fn new(code: ErrorCode, message: String, detail: serde_json::Value) -> Self {
        Self { errors: [ErrorItem { code: code.wire(), message, detail }] }
    }
}

/// One error of a body that some registry wrote. Every member may be missing; codes are whatever the vendor likes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct WireError {
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) detail: serde_json::Value,
}

/// The errors in a body, or none when it is no error body (an HTML page of a proxy, plain text).
pub(crate) fn parse_error_body(body: &[u8]) -> Vec<WireError> {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<WireError>,
    }
    serde_json::from_slice::<Body>(body).map(|body| body.errors).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of the spec text (distribution-spec 1.1, "Error Codes"), code-1 to code-14.
    const SPEC: [&str; 14] = [
        "BLOB_UNKNOWN",
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNKNOWN",
        "NAME_INVALID",
        "NAME_UNKNOWN",
        "SIZE_INVALID",
        "UNAUTHORIZED",
        "DENIED",
        "UNSUPPORTED",
        "TOOMANYREQUESTS",
    ];

    #[test]
    fn the_table_has_every_code_of_the_spec() {
        for code in SPEC {
            assert!(ErrorCode::ALL.iter().any(|row| row.wire() == code), "{code}");
        }
        for row in ErrorCode::ALL {
            assert!(row.wire().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{}", row.wire());
        }
    }

    #[test]
    fn bodies_are_written_and_read() {
        let body = ErrorBody::new(ErrorCode::NameUnknown, "no".into(), serde_json::json!({"name": "a"}));
        let text = serde_json::to_string(&body).expect("serializes");
        assert_eq!(text, r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no","detail":{"name":"a"}}]}"#);
        assert_eq!(parse_error_body(text.as_bytes())[0].code, "NAME_UNKNOWN");
        assert_eq!(parse_error_body(b"<html>"), []);
        assert_eq!(parse_error_body(br#"{"errors":[{"code":"VENDOR_THING"}]}"#)[0].code, "VENDOR_THING");
    }
}
