//! Reading manifests by tag and digest, and deleting them.

use std::collections::BTreeSet;

use crate::registry::testing::{
    OPTIONS, World, image, index, locator, on_every_store, page, push_blob, put, repository, sha512, subject, tag,
};
use crate::registry::{Error, Options};
use crate::spec::{Digest, MediaType, Tag};
use crate::store::Key;

on_every_store! {
    by_tag_and_by_digest a_tag_follows_another_process a_tag_that_leads_nowhere_is_none
    damaged_bytes_are_an_unknown_manifest deleting_takes_the_tags_along deleting_by_either_digest
    deleting_is_checked manifests_of_other_registries_are_served layers_are_no_manifests
}

async fn digest_at(world: &World, at: &str) -> Result<Digest, Error> {
    world.registry.get_manifest(&repository("app"), &locator(at)).await.map(|stored| stored.digest)
}

async fn by_tag_and_by_digest(world: World) {
    let digest = world.image("app", "v1", b"layer").await;
    for at in ["v1".to_owned(), digest.to_string()] {
        for _ in 0..2 {
            let stored = world.registry.get_manifest(&repository("app"), &locator(&at)).await.expect("there");
            assert_eq!(stored.digest, digest);
            assert_eq!(stored.media_type, MediaType::OCI_MANIFEST);
            assert_eq!(stored.bytes, image(&[b"layer"], ""));
        }
    }
    for at in ["v2".to_owned(), Digest::sha256(b"no").to_string(), sha512(b"no").to_string()] {
        let error = digest_at(&world, &at).await.expect_err("unknown");
        assert!(matches!(&error, Error::ManifestUnknown(named) if *named == locator(&at)), "{error:?}");
    }
    assert!(world.registry.get_manifest(&repository("other"), &digest.into()).await.is_err());
}

async fn a_tag_follows_another_process(world: World) {
    let one = world.image("app", "v1", b"one").await;
    let two = world.image("app", "v2", b"two").await;
    assert_eq!(digest_at(&world, "v1").await.expect("there"), one);
    let link = Key::tag_current(&repository("app"), &tag("v1"));
    world.plant(&link, two.to_string()).await;
    assert_eq!(digest_at(&world, "v1").await.expect("there"), two);
    world.driver.delete(&[link]).await.expect("deleted");
    assert!(digest_at(&world, "v1").await.is_err());
}

async fn a_tag_that_leads_nowhere_is_none(world: World) {
    let digest = world.image("app", "v1", b"one").await;
    let app = repository("app");
    world.driver.delete(&[Key::revision_link(&app, &digest)]).await.expect("deleted");
    let fresh = world.another(OPTIONS);
    assert!(matches!(fresh.get_manifest(&app, &locator("v1")).await, Err(Error::ManifestUnknown(_))));
    world.plant(&Key::tag_current(&app, &tag("v1")), "").await;
    assert!(matches!(digest_at(&world, "v1").await, Err(Error::ManifestUnknown(_))), "an empty link");
    world.image("app", "v1", b"one").await;
    assert_eq!(digest_at(&world, "v1").await.expect("healed by a push"), digest);
}

async fn damaged_bytes_are_an_unknown_manifest(world: World) {
    let digest = world.image("app", "v1", b"one").await;
    for damage in ["", "{}"] {
        world.plant(&Key::blob(&digest), damage).await;
        let fresh = world.another(OPTIONS);
        let read = fresh.get_manifest(&repository("app"), &locator("v1")).await;
        assert!(matches!(read, Err(Error::ManifestUnknown(_))), "{read:?}");
        put(&fresh, "app", "v1", image(&[b"one"], "")).await.expect("pushed again");
        assert_eq!(world.text(&Key::blob(&digest)).await, Some(image(&[b"one"], "")));
        assert_eq!(fresh.get_manifest(&repository("app"), &locator("v1")).await.expect("there").digest, digest);
    }
}

async fn deleting_takes_the_tags_along(world: World) {
    let doomed = world.image("app", "v1", b"one").await;
    world.image("app", "v1-a", b"one").await;
    world.image("app", "moved", b"one").await;
    let kept = world.image("app", "moved", b"two").await;
    let app = repository("app");
    let referrer = put(&world.registry, "app", "r", image(&[], &subject(&image(&[b"two"], "")))).await.expect("pushed");

    let removed = world.registry.delete_manifest(&app, &doomed).await.expect("deleted");
    assert_eq!(BTreeSet::from_iter(removed.tags), BTreeSet::from([tag("v1"), tag("v1-a")]));
    assert_eq!(removed.manifest.expect("was there").digest, doomed);
    for at in ["v1".to_owned(), "v1-a".into(), doomed.to_string()] {
        assert!(matches!(digest_at(&world, &at).await, Err(Error::ManifestUnknown(_))), "{at}");
    }
    assert_eq!(digest_at(&world, "moved").await.expect("kept"), kept);
    let tags: Vec<Tag> = world.registry.tags(&app, &page(None, None)).await.expect("listed").items;
    assert_eq!(tags, [tag("moved"), tag("r")]);
    assert!(!world.keys().await.iter().any(|key| key.contains("tags/v1")), "nothing of the tags is left");

    world.registry.delete_manifest(&app, &referrer.digest).await.expect("deleted");
    assert!(!world.keys().await.iter().any(|key| key.contains("_referrers/by")), "nor an entry of the referrer");
    world.registry.delete_manifest(&app, &kept).await.expect("deleted");
    assert!(matches!(world.registry.tags(&app, &page(None, None)).await, Err(Error::NameUnknown(_))));
}

async fn deleting_by_either_digest(world: World) {
    world.image("app", "v1", b"one").await;
    let manifest = image(&[b"one"], "");
    let (long, short) = (sha512(manifest.as_bytes()), Digest::sha256(manifest.as_bytes()));
    for by in [long, short] {
        put(&world.registry, "app", &long.to_string(), manifest.clone()).await.expect("pushed");
        put(&world.registry, "app", "v1", manifest.clone()).await.expect("pushed");
        world.registry.delete_manifest(&repository("app"), &by).await.expect("deleted");
        for at in ["v1".to_owned(), long.to_string(), short.to_string()] {
            assert!(digest_at(&world, &at).await.is_err(), "{at} after deleting {by}");
        }
        assert!(!world.keys().await.iter().any(|key| key.contains("_manifests")), "{by}");
    }
}

async fn deleting_is_checked(world: World) {
    let digest = world.image("app", "v1", b"one").await;
    let app = repository("app");
    let disabled = world.another(Options { delete_enabled: false, ..OPTIONS });
    assert!(matches!(disabled.delete_manifest(&app, &digest).await, Err(Error::DeleteDisabled)));
    assert!(matches!(disabled.delete_tag(&app, &tag("v1")).await, Err(Error::DeleteDisabled)));
    let read_only = world.another(Options { read_only: true, ..OPTIONS });
    assert!(matches!(read_only.delete_manifest(&app, &digest).await, Err(Error::ReadOnly)));
    let unknown = Digest::sha256(b"no");
    assert!(matches!(world.registry.delete_manifest(&app, &unknown).await, Err(Error::ManifestUnknown(_))));
    assert!(matches!(world.registry.delete_manifest(&repository("no"), &digest).await, Err(Error::ManifestUnknown(_))));
    assert_eq!(digest_at(&world, "v1").await.expect("untouched"), digest);
}

/// What distribution stored and we would not take today.
async fn manifests_of_other_registries_are_served(world: World) {
    let schema1 = r#"{"schemaVersion":1,"name":"app","tag":"v1","fsLayers":[],"history":[]}"#;
    let signed = r#"{"schemaVersion":1,"name":"app","tag":"v1","fsLayers":[],"history":[],"signatures":[{}]}"#;
    let docker = r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json"}"#;
    let bare = r#"{"schemaVersion":2,"config":null}"#;
    for (manifest, media_type) in [
        (schema1, MediaType::DOCKER_SCHEMA1),
        (signed, MediaType::DOCKER_SCHEMA1_SIGNED),
        (docker, MediaType::DOCKER_MANIFEST),
        (bare, MediaType::OCI_MANIFEST),
        (r#"{"schemaVersion":2,"manifests":[]}"#, MediaType::OCI_INDEX),
        ("not JSON", MediaType::OCTET_STREAM),
    ] {
        let digest = Digest::sha256(manifest.as_bytes());
        let app = repository("app");
        world.plant(&Key::blob(&digest), manifest).await;
        world.plant(&Key::revision_link(&app, &digest), digest.to_string()).await;
        world.plant(&Key::tag_current(&app, &tag("v1")), digest.to_string()).await;
        let stored = world.registry.get_manifest(&app, &locator("v1")).await.expect("served");
        assert_eq!((stored.digest, stored.media_type, &stored.bytes[..]), (digest, media_type, manifest.as_bytes()));
    }
}

async fn layers_are_no_manifests(world: World) {
    let child = image(&[b"one"], "");
    world.image("app", "v1", b"one").await;
    let digest = Digest::sha256(index(&[&child]).as_bytes());
    push_blob(&world.registry, "app", index(&[&child]).as_bytes(), digest).await.expect("pushed");
    assert!(matches!(digest_at(&world, &digest.to_string()).await, Err(Error::ManifestUnknown(_))));
}
