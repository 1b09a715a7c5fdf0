//! What counts as a link.

use super::parse_link;
use crate::registry::testing::{World, on_every_store, repository, tag};
use crate::spec::Digest;
use crate::store::Key;

on_every_store! { a_link_is_read_written_and_read_again another_process_changes_a_link a_damaged_link_names_nothing }

#[test]
fn the_text_of_a_digest() {
    let digest = Digest::sha256(b"x");
    for text in [format!("{digest}"), format!("{digest}\n"), format!("{digest}\r\n")] {
        assert_eq!(parse_link(text.as_bytes()), Some(digest), "{text:?}");
    }
    let hex = digest.hex();
    for text in ["", "\n", "sha256:", "sha256:12", &hex, &format!(" {digest}"), &format!("{digest}x"), "md5:00"] {
        assert_eq!(parse_link(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(parse_link(b"sha256:\xff"), None);
}

async fn point(world: &World, target: &Digest) {
    let links = world.registry.links_to(target, vec![link()]).await.expect("read");
    world.driver.write_steps(vec![links]).await.expect("written");
}

fn link() -> Key {
    Key::tag_current(&repository("app"), &tag("v1"))
}

async fn a_link_is_read_written_and_read_again(world: World) {
    let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
    assert_eq!(world.registry.read_link(&link()).await.expect("answered"), None);
    for digest in [one, two, one] {
        point(&world, &digest).await;
        assert_eq!(world.registry.read_link(&link()).await.expect("answered"), Some(digest));
    }
    let before = world.driver.stat(&link()).await.expect("there");
    point(&world, &one).await;
    assert_eq!(world.driver.stat(&link()).await.expect("there"), before, "nothing was written");
}

async fn another_process_changes_a_link(world: World) {
    let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
    point(&world, &one).await;
    assert_eq!(world.registry.read_link(&link()).await.expect("answered"), Some(one));
    world.plant(&link(), two.to_string()).await;
    assert_eq!(world.registry.read_link(&link()).await.expect("answered"), Some(two));
    world.driver.delete(&[link()]).await.expect("deleted");
    assert_eq!(world.registry.read_link(&link()).await.expect("answered"), None);
    world.plant(&link(), one.to_string()).await;
    assert_eq!(world.registry.read_link(&link()).await.expect("answered"), Some(one));
}

async fn a_damaged_link_names_nothing(world: World) {
    let digest = Digest::sha256(b"1");
    for damage in [String::new(), "sha256:12".into(), "x".repeat(100_000)] {
        world.plant(&link(), damage).await;
        for _ in 0..2 {
            assert_eq!(world.registry.read_link(&link()).await.expect("answered"), None);
        }
        point(&world, &digest).await;
        assert_eq!(world.registry.read_link(&link()).await.expect("answered"), Some(digest));
    }
}
