//! What the container tools need: a root file system without a network, and podman, buildah and skopeo kept apart from
//! the machine's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::process::Tool;
use super::programs::find;

/// A tar of a root file system: Debian's static busybox, `/bin/sh` and `text` in `/text`.
pub(crate) fn rootfs(directory: &Path, text: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let root = directory.join(format!("rootfs-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir_all(root.join("bin")).expect("a directory");
    fs::copy(find("busybox").expect("asked for before"), root.join("bin/busybox")).expect("a copy");
    std::os::unix::fs::symlink("busybox", root.join("bin/sh")).expect("a link");
    fs::write(root.join("text"), text).expect("a text");
    let tar = root.with_extension("tar");
    let path = |path: &Path| path.to_string_lossy().into_owned();
    Tool::new(PathBuf::from("tar")).run(&["-C", &path(&root), "-cf", &path(&tar), "."]).ok();
    tar
}

/// A build that puts `text` over what `from` has.
pub(crate) fn dockerfile(directory: &Path, from: &str, text: &str) -> PathBuf {
    let context = directory.join(format!("context-{}", from.replace(['/', ':'], "-")));
    fs::create_dir_all(&context).expect("a directory");
    let lines = format!("FROM {from}\nRUN echo {text} > /text\nCMD [\"/bin/busybox\",\"cat\",\"/text\"]\n");
    fs::write(context.join("Dockerfile"), lines).expect("a Dockerfile");
    context
}

/// An empty credential file: podman and buildah insist that it exists.
fn credentials(directory: &Path) -> String {
    let path = directory.join("auth.json");
    fs::write(&path, "{}").expect("a file");
    path.to_string_lossy().into_owned()
}

/// `name` with storage below `directory` and defaults that work without systemd.
fn isolated(name: &str, directory: &Path) -> Option<Tool> {
    let program = find(name)?;
    let path = |part: &str| directory.join(part).to_string_lossy().into_owned();
    Some(
        Tool::new(program)
            .first(&["--root", &path("root"), "--runroot", &path("run"), "--storage-driver", "vfs"])
            .env("REGISTRY_AUTH_FILE", &credentials(directory))
            .env("HOME", &path("home"))
            .env("TMPDIR", &directory.to_string_lossy()),
    )
}

pub(crate) fn podman(directory: &Path) -> Option<Tool> {
    let _busybox = find("busybox")?;
    Some(isolated("podman", directory)?.first(&["--cgroup-manager", "cgroupfs", "--events-backend", "file"]))
}

pub(crate) fn buildah(directory: &Path) -> Option<Tool> {
    let _busybox = find("busybox")?;
    isolated("buildah", directory)
}

pub(crate) fn skopeo(directory: &Path) -> Option<Tool> {
    let program = find("skopeo")?;
    Some(
        Tool::new(program)
            .first(&["--insecure-policy"])
            .env("REGISTRY_AUTH_FILE", &credentials(directory))
            .env("HOME", &directory.to_string_lossy()),
    )
}
