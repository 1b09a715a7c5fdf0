//! Manifests: exact bytes, conditions, and what `Accept` changes.

use expect_test::expect;

use crate::support::Env;
use crate::support::image::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, docker_image, image, index, index_of};

#[test]
fn a_manifest_says_what_it_is() {
    let env = Env::new();
    env.push("a:v1", &image(1));
    let answer = env.http().head("/v2/a/manifests/v1");
    expect![[r#"
        200
        content-length: 557
        content-type: application/vnd.oci.image.manifest.v1+json
        docker-content-digest: sha256:
        docker-distribution-api-version: registry/2.0
        etag: "sha256:"
        x-content-type-options: nosniff
    "#]]
    .assert_eq(&answer.to_string().replace(&image(1).digest()[7..], ""));
}

#[test]
fn conditions() {
    let env = Env::new();
    let digest = env.push("a:v1", &image(1));
    let mut http = env.http();
    for target in ["/v2/a/manifests/v1".to_owned(), format!("/v2/a/manifests/{digest}")] {
        let same = http.send("GET", &target, &[("If-None-Match", &format!("\"{digest}\""))], b"");
        assert_eq!((same.status, same.body.len()), (304, 0));
        assert_eq!(same.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(http.send("GET", &target, &[("If-None-Match", "\"x\"")], b"").status, 200);
    }
}

#[test]
fn an_oci_index_is_served_whatever_accept_says() {
    let env = Env::new();
    let index = index(&[(1, "amd64"), (2, "arm64")]);
    let digest = env.push("a:v1", &index);
    let mut http = env.http();
    for accept in [&[][..], &[("Accept", "*/*")], &[("Accept", DOCKER_MANIFEST)], &[("Accept", OCI_INDEX)]] {
        let answer = http.send("GET", "/v2/a/manifests/v1", accept, b"");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(OCI_INDEX)), "{accept:?}");
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        assert!(answer.body == index.manifest);
    }
}

#[test]
fn a_docker_list_by_tag_is_its_amd64_image_for_who_does_not_know_lists() {
    let env = Env::new();
    let (amd64, arm64) = (docker_image(1), docker_image(2));
    let list = index_of(DOCKER_LIST, &[(arm64, "arm64"), (amd64.clone(), "amd64")], "");
    let list_digest = env.push("a:v1", &list);
    let mut http = env.http();
    let both = format!("{DOCKER_MANIFEST}, {DOCKER_LIST};q=0.5");
    for (accept, expected) in [
        (None, &amd64),
        (Some("*/*"), &amd64),
        (Some(DOCKER_MANIFEST), &amd64),
        (Some(DOCKER_LIST), &list),
        (Some(both.as_str()), &list),
    ] {
        let headers: Vec<(&str, &str)> = accept.iter().map(|accept| ("Accept", *accept)).collect();
        let answer = http.send("GET", "/v2/a/manifests/v1", &headers, b"");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("docker-content-digest"), Some(expected.digest().as_str()), "{accept:?}");
        assert_eq!(answer.header("content-type"), Some(expected.media_type.as_str()));
        assert!(answer.body == expected.manifest);
    }
    let by_digest = http.get(&format!("/v2/a/manifests/{list_digest}"));
    assert!(by_digest.body == list.manifest, "a digest names exactly its bytes");
}

#[test]
fn a_docker_list_without_amd64_is_the_list() {
    let env = Env::new();
    let list = index_of(DOCKER_LIST, &[(docker_image(2), "arm64")], "");
    env.push("a:v1", &list);
    assert!(env.http().get("/v2/a/manifests/v1").body == list.manifest);
}

#[test]
fn an_error_is_told_precisely() {
    let env = Env::new();
    let answer = env.http().put("/v2/a/manifests/v1", &image(1).media_type, &image(1).manifest);
    assert_eq!((answer.status, answer.code().as_str()), (400, "MANIFEST_BLOB_UNKNOWN"));
    assert_eq!(answer.json()["errors"][0]["detail"]["digests"].as_array().map(Vec::len), Some(3), "{answer}");
}
