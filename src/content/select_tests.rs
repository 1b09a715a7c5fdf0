//! Platforms chosen of an index.

use super::*;
use crate::spec::MediaType;

const INDEX: &str = r#"{
  "schemaVersion": 2, "x-unknown": [1.50], "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"$1","platform":{"os":"linux","architecture":"arm","variant":"v6"}},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"$2","platform":{"os":"linux","architecture":"arm","variant":"v7"},"x-own":true},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"$3","platform":{"os":"linux","architecture":"amd64"}},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"$4","platform":{"os":"unknown","architecture":"unknown"},"annotations":{"vnd.docker.reference.digest":"$2"}},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"$5","platform":{"os":"unknown","architecture":"unknown"},"annotations":{"vnd.docker.reference.digest":"$3"}}
  ],
  "annotations": {"a": "b"}
}"#;

fn digest(n: u8) -> Digest {
    Digest::sha256(&[n])
}

fn index() -> Manifest {
    let text = (1..=5).fold(INDEX.to_owned(), |text, n| text.replace(&format!("${n}"), &digest(n).to_string()));
    Manifest::parse(Bytes::from(text), None).expect("an index")
}

fn chosen(platforms: &[&str]) -> Result<Selection, SelectError> {
    let platforms: Vec<_> = platforms.iter().map(|platform| platform.parse().expect("a platform")).collect();
    select(&index(), &platforms)
}

#[test]
fn one_platform_is_its_entry() {
    for (platform, expected) in [("linux/arm/v7", 2), ("linux/arm", 1), ("linux/x86_64", 3), ("unknown/unknown", 4)] {
        match chosen(&[platform]).expect(platform) {
            Selection::Entry(entry) => assert_eq!(entry.digest, digest(expected), "{platform}"),
            other => panic!("{platform}: {other:?}"),
        }
    }
    let error = chosen(&["linux/s390x"]).expect_err("not there").to_string();
    assert_eq!(error, "there is no linux/s390x; there is linux/arm/v6, linux/arm/v7, linux/amd64");
}

#[test]
fn several_are_an_index_with_their_attestations() {
    let Selection::Rewritten(found, manifest) = chosen(&["linux/arm/v7", "linux/arm/v6"]).expect("there") else {
        panic!("expected a new index");
    };
    assert_eq!(found, Digest::sha256(manifest.bytes()));
    let digests: Vec<_> = manifest.manifests().iter().map(|entry| entry.digest).collect();
    assert_eq!(digests, [digest(1), digest(2), digest(4)]);
    let text = std::str::from_utf8(manifest.bytes()).expect("text");
    assert!(text.contains(r#""x-own": true"#) && text.contains("x-unknown") && text.contains(r#""a": "b""#), "{text}");
    assert_eq!(*manifest.media_type(), MediaType::OCI_INDEX);
    assert!(chosen(&["linux/arm/v7", "linux/riscv64"]).is_err());
    assert_eq!(chosen(&["linux/amd64", "linux/arm"]), Ok(Selection::Whole), "all of it is not rewritten");
    assert_eq!(chosen(&[]), Ok(Selection::Whole));
}

#[test]
fn an_image_says_in_its_config_what_it_is_for() {
    let wanted = |text: &str| vec![text.parse::<Platform>().expect("a platform")];
    let arm = br#"{"os":"linux","architecture":"arm64","rootfs":{}}"#;
    assert_eq!(check_config(arm, &wanted("linux/arm64")), Ok(()));
    assert_eq!(check_config(b"{}", &wanted("linux/arm64")), Ok(()), "an artifact");
    assert_eq!(check_config(b"not json", &wanted("linux/arm64")), Ok(()));
    let error = check_config(arm, &wanted("linux/amd64")).expect_err("another").to_string();
    assert_eq!(error, "the image is for linux/arm64, not for linux/amd64");
}
