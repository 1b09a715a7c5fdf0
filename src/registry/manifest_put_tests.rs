//! Taking manifests: what is written, and in which order it may be seen.

use crate::registry::testing::{
    OPTIONS, World, image, locator, on_every_store, page, put, repository, sha512, subject, tag,
};
use crate::registry::{Error, Options};
use crate::spec::{Digest, MediaType};
use crate::store::{Depth, Key, Prefix};

on_every_store! {
    the_keys_are_distributions a_second_push_writes_nothing a_tag_moves_and_remembers many_tags_in_one_push
    digests_are_checked a_tag_pushed_under_its_sha512_says_so what_is_refused_leaves_nothing
}

async fn the_keys_are_distributions(world: World) {
    let digest = world.image("app", "v1", b"layer").await;
    let (hex, app) = (digest.hex(), repository("app"));
    let manifests = world.registry.list_all(&Prefix::manifests(&app), Depth::All).await.expect("listed");
    let names: Vec<&str> = manifests.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(
        names,
        [
            format!("revisions/sha256/{hex}/link"),
            "tags/v1/current/link".to_owned(),
            format!("tags/v1/index/sha256/{hex}/link"),
        ]
    );
    for entry in &manifests {
        let key = Prefix::manifests(&app).key(&entry.name);
        assert_eq!(world.text(&key).await, Some(digest.to_string()), "{key}");
    }
    assert_eq!(world.text(&Key::blob(&digest)).await, Some(image(&[b"layer"], "")));
}

async fn a_second_push_writes_nothing(world: World) {
    world.blob("app", b"{}").await;
    let manifest = image(&[], &subject("absent"));
    put(&world.registry, "app", "v1", manifest.clone()).await.expect("pushed");
    let mut before = Vec::new();
    for key in world.keys().await {
        before.push(world.driver.stat(&Prefix::registry().key(&key)).await.expect("there"));
    }
    for registry in [world.registry.clone(), world.another(OPTIONS)] {
        put(&registry, "app", "v1", manifest.clone()).await.expect("pushed");
    }
    let mut after = Vec::new();
    for key in world.keys().await {
        after.push(world.driver.stat(&Prefix::registry().key(&key)).await.expect("there"));
    }
    assert_eq!(before, after);
    assert_eq!(before.len(), 7, "config and its link, manifest, revision, tag, its index, referrer");
}

async fn a_tag_moves_and_remembers(world: World) {
    let one = world.image("app", "v1", b"one").await;
    let two = world.image("app", "v1", b"two").await;
    let app = repository("app");
    assert_eq!(world.registry.get_manifest(&app, &locator("v1")).await.expect("there").digest, two);
    assert_eq!(world.registry.get_manifest(&app, &one.into()).await.expect("there").digest, one);
    for digest in [one, two] {
        assert!(world.text(&Key::tag_index(&app, &tag("v1"), &digest)).await.is_some(), "{digest}");
    }
}

async fn many_tags_in_one_push(world: World) {
    world.blob("app", b"{}").await;
    let (app, manifest) = (repository("app"), image(&[], ""));
    let digest = Digest::sha256(manifest.as_bytes());
    let tags = [tag("b"), tag("a"), tag("b")];
    let put = world.registry.put_manifest(&app, &digest.into(), &tags, None, manifest.into()).await.expect("pushed");
    assert_eq!((put.digest, put.subject, put.tags), (digest, None, tags.to_vec()));
    let listed = world.registry.tags(&app, &page(None, None)).await.expect("listed");
    assert_eq!(listed.items, [tag("a"), tag("b")]);
    assert_eq!(world.registry.get_manifest(&app, &locator("a")).await.expect("there").digest, digest);
}

async fn digests_are_checked(world: World) {
    world.blob("app", b"{}").await;
    let manifest = image(&[], "");
    for expected in [Digest::sha256(b"no"), sha512(b"no")] {
        let error = put(&world.registry, "app", &expected.to_string(), manifest.clone()).await.expect_err("refused");
        let Error::ManifestDigest { expected: named, actual } = error else { panic!("{error:?}") };
        assert_eq!((named, actual), (expected, expected.algorithm().digest(manifest.as_bytes())));
    }
}

async fn a_tag_pushed_under_its_sha512_says_so(world: World) {
    world.blob("app", b"{}").await;
    let (app, manifest) = (repository("app"), image(&[], ""));
    let (long, short) = (sha512(manifest.as_bytes()), Digest::sha256(manifest.as_bytes()));
    let put_long = world.registry.put_manifest(&app, &long.into(), &[tag("v1")], None, manifest.clone().into()).await;
    assert_eq!(put_long.expect("pushed").digest, long);
    for registry in [world.registry.clone(), world.another(OPTIONS)] {
        for (at, digest) in [("v1".to_owned(), long), (long.to_string(), long), (short.to_string(), short)] {
            assert_eq!(registry.get_manifest(&app, &locator(&at)).await.expect("there").digest, digest, "{at}");
        }
    }
    let current = world.text(&Key::tag_current(&app, &tag("v1"))).await;
    assert_eq!(current, Some(short.to_string()), "as distribution's collector expects it");
    world.image("app", "v1", b"other").await;
    let moved = world.registry.get_manifest(&app, &locator("v1")).await.expect("there");
    assert_eq!(moved.digest, Digest::sha256(image(&[b"other"], "").as_bytes()));
}

async fn what_is_refused_leaves_nothing(world: World) {
    let app = repository("app");
    let read_only = world.another(Options { read_only: true, ..OPTIONS });
    assert!(matches!(put(&read_only, "app", "v1", image(&[], "")).await, Err(Error::ReadOnly)));
    for manifest in ["", "null", "[]", "{}", r#"{"schemaVersion":1}"#] {
        let refused = put(&world.registry, "app", "v1", manifest.into()).await;
        assert!(matches!(refused, Err(Error::ManifestInvalid(_))), "{manifest}");
    }
    let index = Some(&MediaType::OCI_INDEX);
    let other = world.registry.put_manifest(&app, &locator("v1"), &[], index, image(&[], "").into()).await;
    assert!(matches!(other, Err(Error::ManifestInvalid(_))));
    assert!(matches!(put(&world.registry, "app", "v1", image(&[], "")).await, Err(Error::ChildrenUnknown(_))));
    assert_eq!(world.keys().await, Vec::<String>::new());
}
