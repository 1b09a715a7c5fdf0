//! Manifests: what is one, what is refused and how it is called.

use proptest::prelude::*;

use super::*;

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(text: &str, content_type: Option<&MediaType>) -> Result<Manifest, ManifestError> {
    Manifest::parse(Bytes::copy_from_slice(text.replace("$D", D).as_bytes()), content_type)
}

const CONFIG: &str = r#""config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$D","size":0}"#;

fn image(more: &str) -> String {
    format!(r#"{{"schemaVersion":2,{CONFIG},"layers":[]{more}}}"#)
}

#[test]
fn an_image_needs_no_media_type() {
    let manifest = parse(&image(""), None).expect("an image");
    assert_eq!(*manifest.media_type(), MediaType::OCI_MANIFEST);
    assert_eq!(manifest.children().count(), 1);
    assert_eq!(manifest.effective_artifact_type(), Some(&MediaType::OCI_CONFIG));
}

#[test]
fn null_lists_are_empty() {
    let text = format!(r#"{{"schemaVersion":2,{CONFIG},"layers":null,"annotations":null}}"#);
    assert_eq!(parse(&text, Some(&MediaType::OCI_MANIFEST)).expect("an image").children().count(), 1);
}

#[test]
fn header_and_document_must_agree() {
    let text = image(r#","mediaType":"application/vnd.oci.image.manifest.v1+json""#);
    assert!(parse(&text, Some(&MediaType::OCI_MANIFEST)).is_ok());
    assert!(matches!(parse(&text, Some(&MediaType::OCI_INDEX)), Err(ManifestError::MediaTypeMismatch { .. })));
    assert_eq!(parse(&image(""), Some(&MediaType::DOCKER_MANIFEST)), Err(ManifestError::Missing("mediaType")));
}

#[test]
fn one_document_is_one_kind() {
    // CVE-2021-41190: the same bytes read as an image by one client and as an index by another.
    assert!(matches!(parse(&image(r#","manifests":[]"#), None), Err(ManifestError::Ambiguous(..))));
    assert!(matches!(
        parse(&image(r#","manifests":null"#), Some(&MediaType::OCI_MANIFEST)),
        Err(ManifestError::Ambiguous(..))
    ));
}

#[test]
fn schema_1_is_named() {
    assert_eq!(parse(r#"{"schemaVersion":1,"fsLayers":[]}"#, None), Err(ManifestError::Schema1));
    assert_eq!(parse(&image(""), Some(&MediaType::DOCKER_SCHEMA1_SIGNED)), Err(ManifestError::Schema1));
}

#[test]
fn refuses_what_is_no_manifest() {
    for text in
        ["", "null", "[]", "1", "{}", "{", "\"x\"", "\u{0}", r#"{"schemaVersion":"2"}"#, r#"{"schemaVersion":2}"#]
    {
        assert!(parse(text, None).is_err(), "{text:?}");
    }
    for (size, digest) in [("-1", "$D"), ("1e3", "$D"), ("1", "sha256:bad"), ("1", "")] {
        let text = format!(
            r#"{{"schemaVersion":2,{CONFIG},"layers":[{{"mediaType":"a/b","digest":"{digest}","size":{size}}}]}}"#
        );
        assert!(matches!(parse(&text, None), Err(ManifestError::Malformed(_))), "{size} {digest}");
    }
    let deep = format!(r#"{{"schemaVersion":2,"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(parse(&deep, None), Err(ManifestError::TooDeep));
    let unknown = parse(&image(""), Some(&"application/x-tar".into()));
    assert!(matches!(unknown, Err(ManifestError::UnknownMediaType(_))));
}

#[test]
fn a_referrer_carries_type_and_annotations() {
    let text = image(
        r#","artifactType":"a/sbom","annotations":{"k":"v"},"subject":{"mediaType":"a/b","digest":"$D","size":1}"#,
    );
    let manifest = parse(&text, None).expect("an image");
    let digest = Digest::sha256(manifest.bytes());
    let entry = manifest.as_referrer(digest);
    assert_eq!(entry.artifact_type, Some("a/sbom".into()));
    assert_eq!(entry.annotations.expect("annotations")["k"], "v");
    assert_eq!(manifest.subject().expect("subject").digest.to_string(), D);
}

proptest! {
    #[test]
    fn parse_never_panics(text in "[\\[\\]{}\":,a-z0-9\\\\ ]{0,200}") {
        let _ = parse(&text, None);
    }
}
