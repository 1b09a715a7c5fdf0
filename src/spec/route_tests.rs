//! Routes: literal URLs, refusals, and the round trip of every variant.

use proptest::prelude::*;

use super::*;

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const U: &str = "01234567-89ab-4cde-8f01-23456789abcd";

fn parse(url: &str) -> Result<Route, RouteError> {
    let url = url.replace("$D", D).replace("$U", U);
    match url.split_once('?') {
        Some((path, query)) => Route::parse(path, Some(query)),
        None => Route::parse(&url, None),
    }
}

#[test]
fn every_endpoint() {
    for (url, repository) in [
        ("/v2/_catalog?n=2&last=a%2Fb", None),
        ("/v2/a/b/tags/list?n=0", Some("a/b")),
        ("/v2/a/manifests/v1?tag=x&tag=y", Some("a")),
        ("/v2/a/b/c/manifests/$D", Some("a/b/c")),
        ("/v2/a/blobs/$D", Some("a")),
        ("/v2/a/blobs/uploads/?digest-algorithm=sha512", Some("a")),
        ("/v2/a/blobs/uploads/?mount=$D&from=b%2Fc", Some("a")),
        ("/v2/a/blobs/uploads/$U?digest=$D", Some("a")),
        ("/v2/a/referrers/$D?artifactType=a%2Fb", Some("a")),
        ("/v2/blobs/uploads/blobs/uploads/$U", Some("blobs/uploads")),
        ("/v2/tags/list/tags/list", Some("tags/list")),
    ] {
        let route = parse(url).expect(url);
        assert_eq!(route.repository().map(Repository::as_str), repository, "{url}");
        let written = url
            .replace("$D", D)
            .replace("$U", U)
            .replace("digest=sha256:", "digest=sha256%3A")
            .replace("mount=sha256:", "mount=sha256%3A");
        assert_eq!(route.path_and_query(), written);
    }
    assert_eq!(parse("/v2/"), Ok(Route::Base));
    assert_eq!(parse("/v2"), Ok(Route::Base));
    assert_eq!(parse("/v2/a/blobs/sha256%3A$D").map_err(|e| e.code()), Err(Some(ErrorCode::DigestInvalid)));
    assert_eq!(parse(&format!("/v2/a/blobs/{}", D.replace(':', "%3A"))), parse("/v2/a/blobs/$D"));
    assert_eq!(parse("/v2/a/blobs/uploads"), parse("/v2/a/blobs/uploads/"));
}

#[test]
fn faults_have_their_code() {
    for (url, code) in [
        ("/", None),
        ("/v1/", None),
        ("/v2/a", None),
        ("/v2/a/b/c", None),
        ("/v2/a/nonsense/b", None),
        ("/v2/%", None),
        ("/v2/%zz/tags/list", None),
        ("/v2/%ff/tags/list", None),
        ("/v2//tags/list", Some(ErrorCode::NameInvalid)),
        ("/v2/A/tags/list", Some(ErrorCode::NameInvalid)),
        ("/v2/a/../b/tags/list", Some(ErrorCode::NameInvalid)),
        ("/v2/a%2F..%2Fb/tags/list", Some(ErrorCode::NameInvalid)),
        ("/v2/a/manifests/", Some(ErrorCode::TagInvalid)),
        ("/v2/a/manifests/..", Some(ErrorCode::TagInvalid)),
        ("/v2/a/manifests/sha256:bad", Some(ErrorCode::DigestInvalid)),
        ("/v2/a/manifests/v1?tag=.", Some(ErrorCode::TagInvalid)),
        ("/v2/a/blobs/latest", Some(ErrorCode::DigestInvalid)),
        ("/v2/a/blobs/md5:00", Some(ErrorCode::DigestInvalid)),
        ("/v2/a/blobs/uploads/..", Some(ErrorCode::BlobUploadUnknown)),
        ("/v2/a/blobs/uploads/$U?digest=", Some(ErrorCode::DigestInvalid)),
        ("/v2/a/tags/list?n=-1", Some(ErrorCode::PaginationNumberInvalid)),
        ("/v2/_catalog?n=abc", Some(ErrorCode::PaginationNumberInvalid)),
        ("/v2/a/referrers/v1", Some(ErrorCode::DigestInvalid)),
    ] {
        assert_eq!(parse(url).expect_err(url).code(), code, "{url}");
    }
}

fn route() -> impl Strategy<Value = Route> {
    let repository = || "[a-z0-9]{1,4}(/[a-z]{1,4}){0,2}".prop_map(|name| name.parse::<Repository>().expect("valid"));
    let digest = || any::<[u8; 4]>().prop_map(|seed| Digest::sha256(&seed));
    let tag = || "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,9}".prop_map(|tag| tag.parse::<Tag>().expect("valid"));
    let page = || (any::<Option<usize>>(), proptest::option::of("\\PC{1,9}")).prop_map(|(n, last)| Page { n, last });
    let id = || any::<[u8; 16]>().prop_map(UploadId::from_random);
    prop_oneof![
        Just(Route::Base),
        page().prop_map(|page| Route::Catalog { page }),
        (repository(), page()).prop_map(|(repository, page)| Route::Tags { repository, page }),
        (
            repository(),
            prop_oneof![tag().prop_map(Locator::Tag), digest().prop_map(Locator::Digest)],
            proptest::collection::vec(tag(), 0..3)
        )
            .prop_map(|(repository, locator, tags)| Route::Manifest { repository, locator, tags }),
        (repository(), digest()).prop_map(|(repository, digest)| Route::Blob { repository, digest }),
        (
            repository(),
            proptest::option::of(digest()),
            proptest::option::of(digest()),
            proptest::option::of(repository())
        )
            .prop_map(|(repository, digest, mount, from)| Route::Uploads {
                repository,
                start: UploadStart { digest, algorithm: Some(Algorithm::Sha512), mount, from },
            }),
        (repository(), id(), proptest::option::of(digest())).prop_map(|(repository, id, digest)| Route::Upload {
            repository,
            id,
            digest
        }),
        (repository(), digest(), proptest::option::of("\\PC{1,9}"), page()).prop_map(
            |(repository, digest, artifact_type, page)| Route::Referrers { repository, digest, artifact_type, page }
        ),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(route in route()) {
        let url = route.path_and_query();
        prop_assert_eq!(parse(&url), Ok(route), "{}", url);
    }

    #[test]
    fn never_panics(path in "\\PC{0,80}", query in "\\PC{0,80}") {
        let _ = Route::parse(&path, Some(&query));
        let _ = Route::parse(&format!("/v2/{path}"), Some(&query));
    }
}
