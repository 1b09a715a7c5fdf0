//! buildah against `reg serve`: build FROM an image there, push what was built, and use it again.

use tempfile::TempDir;

use crate::support::containers::{buildah, dockerfile, rootfs};
use crate::support::image::{DOCKER_MANIFEST, OCI_MANIFEST};
use crate::support::process::Tool;
use crate::support::programs::available;
use crate::support::registry::{Server, subject};

/// An image from nothing but a file system.
fn scratch(buildah: &Tool, home: &TempDir, name: &str, text: &str) {
    let tar = rootfs(home.path(), text);
    let container = buildah.run(&["from", "scratch"]).ok();
    buildah.run(&["add", &container, &tar.to_string_lossy(), "/"]).ok();
    buildah.run(&["config", "--cmd", "/bin/busybox cat /text", &container]).ok();
    buildah.run(&["commit", "--rm", &container, name]).ok();
}

fn text_of(buildah: &Tool, image: &str) -> String {
    let container = buildah.run(&["from", "--tls-verify=false", "--pull-always", image]).ok();
    let text = buildah.run(&["run", "--isolation", "chroot", &container, "/bin/busybox", "cat", "/text"]).ok();
    buildah.run(&["rm", &container]).ok();
    text
}

#[test]
fn a_build_starts_from_a_pushed_image_and_its_result_is_pushed() {
    let home = TempDir::new().expect("a home");
    let buildah = available!(buildah(home.path()));
    let server = available!(Server::start(subject()));
    let (base, built) = (server.name("base/scratch:v1"), server.name("team/built:v1"));
    scratch(&buildah, &home, &base, "base");
    buildah.run(&["push", "--tls-verify=false", &base]).ok();
    assert_eq!(text_of(&buildah, &base), "base");
    buildah.run(&["rmi", "--all", "--force"]).ok();

    let context = dockerfile(home.path(), &base, "built").to_string_lossy().into_owned();
    buildah.run(&["bud", "--tls-verify=false", "--isolation", "chroot", "--tag", &built, &context]).ok();
    let file = home.path().join("digest").to_string_lossy().into_owned();
    buildah.run(&["push", "--tls-verify=false", "--digestfile", &file, &built]).ok();

    let digest = std::fs::read_to_string(&file).expect("a digest");
    assert_eq!(server.api().digest("team/built", "v1"), Some(digest.clone()));
    buildah.run(&["rmi", "--all", "--force"]).ok();
    assert_eq!(text_of(&buildah, &server.name(&format!("team/built@{digest}"))), "built");
}

#[test]
fn both_formats_are_stored_as_they_were_pushed() {
    let home = TempDir::new().expect("a home");
    let buildah = available!(buildah(home.path()));
    let server = available!(Server::start(subject()));
    let name = server.name("team/formats:source");
    scratch(&buildah, &home, &name, "formats");

    for (format, media_type) in [("oci", OCI_MANIFEST), ("v2s2", DOCKER_MANIFEST)] {
        let target = format!("docker://{}", server.name(&format!("team/formats:{format}")));
        buildah.run(&["push", "--tls-verify=false", "--format", format, &name, &target]).ok();
        let answer = server.api().manifest("team/formats", format).expect(200);
        assert_eq!(answer.header("Content-Type"), Some(media_type));
    }
    assert_eq!(server.api().tags("team/formats"), ["oci", "v2s2"]);
}
