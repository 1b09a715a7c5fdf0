//! The fallback tag and the list under it.

use super::*;
use crate::spec::Algorithm;

#[test]
fn tags_are_cut_as_the_spec_says() {
    let sha256 = Digest::sha256(b"");
    assert_eq!(
        fallback_tag(&sha256).as_str(),
        "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        fallback_tag(&Algorithm::Sha512.digest(b"")).as_str(),
        "sha512-cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
    );
}

fn list(text: &str) -> Manifest {
    Manifest::parse(Bytes::copy_from_slice(text.as_bytes()), Some(&MediaType::OCI_INDEX)).expect("a manifest")
}

#[test]
fn a_list_grows_by_one_and_keeps_the_rest() {
    let referrer = Descriptor::new(MediaType::OCI_MANIFEST, Digest::sha256(b"x"), 1);
    let first = extended(None, &referrer).expect("made").expect("new");
    let entry = r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"$","size":1}"#
        .replace('$', &referrer.digest.to_string());
    let expected =
        format!(r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{entry}]}}"#);
    assert_eq!(first.bytes(), expected.as_bytes());
    assert_eq!(extended(Some(&first), &referrer).expect("unchanged"), None);
    for there in [
        r#"{"schemaVersion":2,"manifests":null,"x":1}"#,
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","x":1}"#,
    ] {
        let changed = extended(Some(&list(there)), &referrer).expect("made").expect("new");
        assert_eq!(changed.manifests(), std::slice::from_ref(&referrer));
        assert!(changed.bytes().windows(5).any(|part| part == br#""x":1"#));
    }
}

#[test]
fn an_image_under_the_tag_is_not_overwritten() {
    let referrer = Descriptor::new(MediaType::OCI_MANIFEST, Digest::sha256(b"x"), 1);
    let text =
        serde_json::json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": referrer, "layers": []});
    let image = Manifest::parse(Bytes::from(text.to_string()), None).expect("an image");
    assert!(matches!(extended(Some(&image), &referrer), Err(FallbackError::NotAnIndex)));
}
