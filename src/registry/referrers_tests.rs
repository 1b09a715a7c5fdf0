//! Listing referrers: order, filters, pages, and entries that are not what they should be.

use crate::registry::PageOf;
use crate::registry::testing::{OPTIONS, World, image, on_every_store, page, put, repository, sha512, subject};
use crate::spec::limits::REFERRERS_PAGE_BYTES_MAX;
use crate::spec::{Descriptor, Digest, Locator};
use crate::store::Key;

on_every_store! {
    referrers_of_a_manifest_that_comes_later filters pages pages_are_bounded_in_bytes deleted_referrers_are_gone
    damaged_entries_are_made_again unknown_subjects_have_none a_sha512_referrer
}

async fn list(world: &World, of: &str, kind: Option<&str>, n: Option<usize>, last: Option<&str>) -> PageOf<Descriptor> {
    let digest = Digest::sha256(of.as_bytes());
    world.registry.referrers(&repository("app"), &digest, kind, &page(n, last)).await.expect("listed")
}

fn referrer(of: &str, kind: &str, note: &str) -> String {
    let members = format!(r#"{},"artifactType":"{kind}","annotations":{{"note":"{note}"}}"#, subject(of));
    image(&[], &members)
}

async fn push(world: &World, manifest: String) -> Digest {
    world.blob("app", b"{}").await;
    let digest = Digest::sha256(manifest.as_bytes());
    put(&world.registry, "app", &digest.to_string(), manifest).await.expect("pushed").digest
}

async fn referrers_of_a_manifest_that_comes_later(world: World) {
    let manifest = referrer("later", "text/sbom", "hello");
    let digest = push(&world, manifest.clone()).await;
    let PageOf { items, next } = list(&world, "later", None, None, None).await;
    let expected = format!(
        r#"[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":{},"annotations":{{"note":"hello"}},"artifactType":"text/sbom"}}]"#,
        manifest.len()
    );
    assert_eq!(serde_json::to_string(&items).expect("JSON"), expected);
    assert_eq!(next, None);
    // Without a type of its own an image has that of its config.
    push(&world, image(&[], &subject("other"))).await;
    let items = list(&world, "other", None, None, None).await.items;
    let kind = items[0].artifact_type.as_ref().expect("a type").as_str();
    assert_eq!(kind, "application/vnd.oci.image.config.v1+json");
}

async fn filters(world: World) {
    let sbom = push(&world, referrer("subject", "text/sbom", "a")).await;
    push(&world, referrer("subject", "text/signature", "b")).await;
    let PageOf { items, next } = list(&world, "subject", Some("text/sbom"), None, None).await;
    assert_eq!(items.iter().map(|entry| entry.digest).collect::<Vec<_>>(), [sbom]);
    assert_eq!(next, None);
    assert!(list(&world, "subject", Some("text/none"), None, None).await.items.is_empty());
}

async fn pages(world: World) {
    let mut digests = Vec::new();
    for note in ["a", "b", "c", "d", "e"] {
        digests.push(push(&world, referrer("subject", "text/sbom", note)).await);
    }
    digests.sort();
    let (mut found, mut last) = (Vec::new(), None);
    loop {
        let PageOf { items, next } = list(&world, "subject", None, Some(2), last.as_deref()).await;
        assert!(items.len() <= 2);
        found.extend(items.iter().map(|entry| entry.digest));
        if next.is_none() {
            break;
        }
        assert_eq!(next, items.last().map(|entry| entry.digest.to_string()));
        last = next;
    }
    assert_eq!(found, digests);
}

async fn pages_are_bounded_in_bytes(world: World) {
    let long = "x".repeat(REFERRERS_PAGE_BYTES_MAX / 5 * 2);
    for note in ["a", "b", "c"] {
        push(&world, referrer("subject", "text/sbom", &format!("{note}{long}"))).await;
    }
    let PageOf { items, next } = list(&world, "subject", None, None, None).await;
    assert_eq!(items.len(), 2);
    let PageOf { items, next } = list(&world, "subject", None, None, next.as_deref()).await;
    assert_eq!((items.len(), next), (1, None));
}

async fn deleted_referrers_are_gone(world: World) {
    let one = push(&world, referrer("subject", "text/sbom", "a")).await;
    let two = push(&world, referrer("subject", "text/sbom", "b")).await;
    let app = repository("app");
    world.registry.delete_manifest(&app, &one).await.expect("deleted");
    // As distribution deletes it, which knows nothing of entries.
    world.driver.delete(&[Key::revision_link(&app, &two)]).await.expect("deleted");
    assert!(list(&world, "subject", None, None, None).await.items.is_empty());
    assert!(world.driver.stat(&Key::referrer(&app, &Digest::sha256(b"subject"), &one)).await.is_err());
}

async fn damaged_entries_are_made_again(world: World) {
    let manifest = referrer("subject", "text/sbom", "a");
    let digest = push(&world, manifest).await;
    let key = Key::referrer(&repository("app"), &Digest::sha256(b"subject"), &digest);
    let good = world.text(&key).await;
    for damage in ["", "{}", "null", r#"{"mediaType":"a/b","size":1,"digest":"sha256:00"}"#] {
        world.plant(&key, damage).await;
        assert_eq!(list(&world, "subject", None, None, None).await.items[0].digest, digest, "{damage:?}");
        assert_eq!(world.text(&key).await, good, "{damage:?}");
    }
    // An entry under a subject that the manifest does not have.
    world.plant(&Key::referrer(&repository("app"), &Digest::sha256(b"victim"), &digest), "").await;
    assert!(list(&world, "victim", None, None, None).await.items.is_empty());
}

async fn unknown_subjects_have_none(world: World) {
    assert_eq!(list(&world, "subject", None, None, None).await, PageOf { items: vec![], next: None });
    world.image("app", "v1", b"layer").await;
    assert_eq!(list(&world, "subject", None, None, None).await, PageOf { items: vec![], next: None });
}

async fn a_sha512_referrer(world: World) {
    world.blob("app", b"{}").await;
    let manifest = referrer("subject", "text/sbom", "a");
    let long = sha512(manifest.as_bytes());
    put(&world.registry, "app", &long.to_string(), manifest.clone()).await.expect("pushed");
    let digests: Vec<Digest> = list(&world, "subject", None, None, None).await.items.iter().map(|e| e.digest).collect();
    assert_eq!(digests, [long]);
    for registry in [world.registry.clone(), world.another(OPTIONS)] {
        let stored = registry.get_manifest(&repository("app"), &Locator::Digest(long)).await.expect("there");
        assert_eq!(stored.bytes, manifest);
    }
}
