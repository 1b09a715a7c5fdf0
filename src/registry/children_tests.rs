//! Manifests with children that are missing, damaged, of another size, or elsewhere.

use crate::registry::testing::{OPTIONS, World, image, index, on_every_store, put, repository, subject};
use crate::registry::{Completeness, Error, Options};
use crate::spec::Digest;
use crate::store::Key;

on_every_store! {
    all_missing_children_are_named children_are_the_repositorys_own indexes_need_their_manifests
    a_subject_may_be_absent foreign_layers_may_be_elsewhere wrong_sizes damaged_children_heal sparse_registries
    an_index_may_list_blobs
}

async fn refused(world: &World, name: &str, manifest: String) -> Error {
    put(&world.registry, name, "v1", manifest).await.expect_err("refused")
}

fn unknown(error: &Error) -> &[Digest] {
    match error {
        Error::ChildrenUnknown(unknown) => unknown,
        error => panic!("{error:?}"),
    }
}

async fn all_missing_children_are_named(world: World) {
    world.blob("app", b"there").await;
    let error = refused(&world, "app", image(&[b"one", b"there", b"two", b"one"], "")).await;
    let digests = [Digest::sha256(b"{}"), Digest::sha256(b"one"), Digest::sha256(b"two")];
    assert_eq!(unknown(&error), digests, "each once, in the manifest's order");
}

async fn children_are_the_repositorys_own(world: World) {
    world.image("base", "v1", b"layer").await;
    let error = refused(&world, "app", image(&[b"layer"], "")).await;
    assert_eq!(unknown(&error).len(), 2);
}

async fn indexes_need_their_manifests(world: World) {
    let (here, missing) = (image(&[b"layer"], ""), image(&[b"other"], ""));
    world.image("app", "v1", b"layer").await;
    let error = refused(&world, "app", index(&[&here, &missing])).await;
    assert_eq!(unknown(&error), [Digest::sha256(missing.as_bytes())]);
    put(&world.registry, "app", "v2", index(&[&here])).await.expect("complete");
    put(&world.registry, "app", "v3", index(&[])).await.expect("of nothing");
}

async fn a_subject_may_be_absent(world: World) {
    world.blob("app", b"{}").await;
    let put = put(&world.registry, "app", "v1", image(&[], &subject("absent"))).await.expect("pushed");
    assert_eq!(put.subject, Some(Digest::sha256(b"absent")));
}

async fn foreign_layers_may_be_elsewhere(world: World) {
    world.blob("app", b"{}").await;
    let foreign = image(&[b"layer"], "").replace("layer.v1.tar", "layer.nondistributable.v1.tar");
    put(&world.registry, "app", "v1", foreign).await.expect("pushed");
}

async fn wrong_sizes(world: World) {
    world.image("app", "v1", b"layer").await;
    let wrong = image(&[b"layer"], "").replace(r#""size":5"#, r#""size":6"#);
    for _ in 0..2 {
        let error = refused(&world, "app", wrong.clone()).await;
        let Error::ChildSize { digest, expected: 6, actual: 5 } = error else { panic!("{error:?}") };
        assert_eq!(digest, Digest::sha256(b"layer"));
    }
    assert!(
        world.registry.stat_blob(&repository("app"), &Digest::sha256(b"layer")).await.is_ok(),
        "nothing is wrong with it"
    );
}

async fn damaged_children_heal(world: World) {
    let layer = world.blob("app", b"layer").await;
    world.blob("app", b"{}").await;
    let app = repository("app");
    for damage in ["lay", "layer and more", ""] {
        world.plant(&Key::blob(&layer), damage).await;
        let error = refused(&world, "app", image(&[b"layer"], "")).await;
        assert_eq!(unknown(&error), [layer], "{damage:?}");
        // What the client asks next, to find out that it has to send the blob again.
        assert!(matches!(world.registry.stat_blob(&app, &layer).await, Err(Error::BlobUnknown(_))), "{damage:?}");
        world.blob("app", b"layer").await;
        assert_eq!(world.registry.stat_blob(&app, &layer).await.expect("healed").size, 5);
        put(&world.registry, "app", "v1", image(&[b"layer"], "")).await.expect("pushed");
    }
}

async fn sparse_registries(world: World) {
    let sparse = |completeness| world.another(Options { completeness, ..OPTIONS });
    let (incomplete, incomplete_index) = (image(&[b"layer"], ""), index(&["absent"]));
    let indexes = sparse(Completeness::SparseIndexes);
    assert_eq!(unknown(&put(&indexes, "app", "v1", incomplete.clone()).await.expect_err("refused")).len(), 2);
    put(&indexes, "app", "v1", incomplete_index.clone()).await.expect("pushed");
    let all = sparse(Completeness::Sparse);
    put(&all, "app", "v1", incomplete).await.expect("pushed");
    world.blob("app", b"layer").await;
    let wrong = image(&[b"layer"], "").replace(r#""size":5"#, r#""size":6"#);
    assert!(matches!(put(&all, "app", "v1", wrong).await, Err(Error::ChildSize { .. })), "what is there is checked");
}

async fn an_index_may_list_blobs(world: World) {
    let blob = "a cache of buildkit's";
    world.blob("app", blob.as_bytes()).await;
    put(&world.registry, "app", "cache", index(&[blob])).await.expect("pushed");
}
