//! The Debian package: installed by dpkg into a root of its own, run there, and taken away again.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use tempfile::TempDir;

use crate::support::process::{Finished, Tool};
use crate::support::programs::{available, find_built, require};

/// A root with a shell and dpkg's own files. `adduser` writes down what it is asked for.
fn root() -> Option<TempDir> {
    let busybox = crate::support::programs::find("busybox")?;
    let root = TempDir::new().expect("a directory");
    let path = |name: &str| root.path().join(name);
    for name in ["bin", "dev", "usr/sbin", "tmp", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"]
    {
        fs::create_dir_all(path(name)).expect("a folder");
    }
    fs::copy(busybox, path("bin/busybox")).expect("a copy");
    for name in ["sh", "cat", "rm"] {
        symlink("busybox", path("bin").join(name)).expect("a link");
    }
    for (name, text) in [
        ("usr/sbin/adduser", "#!/bin/sh\necho \"$@\" >> /users\n"),
        ("usr/sbin/getent", "#!/bin/sh\n[ -e /users ]\n"),
        ("usr/sbin/ldconfig", "#!/bin/sh\n"),
        ("usr/sbin/start-stop-daemon", "#!/bin/sh\n"),
        // Nothing is enabled, and nothing was.
        ("usr/sbin/deb-systemd-helper", "#!/bin/sh\n[ \"$1\" = update-state ]\n"),
    ] {
        fs::write(path(name), text).expect("a script");
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o755)).expect("executable");
    }
    fs::write(path("var/lib/dpkg/status"), "").expect("nothing is installed");
    Some(root)
}

fn dpkg(root: &Path, arguments: &[&str]) -> Finished {
    let root = format!("--root={}", root.display());
    Tool::new("dpkg".into()).first(&[&root, "--force-depends", "--log=/dev/null"]).run(arguments)
}

fn inside(root: &Path, arguments: &[&str]) -> Finished {
    Tool::new("chroot".into()).first(&[&root.to_string_lossy()]).env("HOME", "/").run(arguments)
}

#[test]
fn it_is_installed_works_and_leaves_the_data() {
    let package = available!(find_built("target/package/reg.deb", "packaging/deb"));
    let _program = require!("dpkg");
    let root = available!(root());
    let has = |name: &str| root.path().join(name).exists();

    dpkg(root.path(), &["--install", &package.to_string_lossy()]).ok();
    let status = dpkg(root.path(), &["--status", "reg"]).ok();
    assert!(status.contains("Status: install ok installed"), "{status}");
    assert!(status.contains("/etc/reg/config.yml"), "the configuration is the user's: {status}");
    for name in [
        "usr/share/man/man1/reg-tags.1.gz",
        "usr/share/man/man5/reg-config.5.gz",
        "usr/share/bash-completion/completions/reg",
        "usr/share/zsh/vendor-completions/_reg",
        "usr/share/fish/vendor_completions.d/reg.fish",
        "usr/share/doc/reg/examples/nginx/registry.conf",
    ] {
        assert!(has(name), "{name} is missing");
    }
    let unit = ["usr/lib/systemd/system/reg.service", "lib/systemd/system/reg.service"].into_iter().find(|p| has(p));
    let unit = fs::read_to_string(root.path().join(unit.expect("a unit"))).expect("text");
    assert_eq!(unit, crate::support::examples::example("systemd/reg.service"));
    let users = fs::read_to_string(root.path().join("users")).expect("a user was made");
    assert!(users.contains("--system --group") && users.ends_with(" reg\n"), "{users}");
    assert!(!has("etc/systemd/system/multi-user.target.wants/reg.service"), "nobody has asked for a registry");

    let version = inside(root.path(), &["/usr/bin/reg", "--version"]).ok();
    assert_eq!(version, format!("reg {}", env!("CARGO_PKG_VERSION")));
    let checked = inside(root.path(), &["/usr/bin/reg", "config", "check", "/etc/reg/config.yml"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{checked:?}");

    // What was changed stays, and so does the data.
    fs::write(root.path().join("etc/reg/config.yml"), "version: 0.1\nstorage: inmemory\n").expect("a change");
    fs::create_dir_all(root.path().join("var/lib/registry/docker")).expect("data");
    dpkg(root.path(), &["--remove", "reg"]).ok();
    assert!(!has("usr/bin/reg") && has("etc/reg/config.yml"));
    dpkg(root.path(), &["--purge", "reg"]).ok();
    assert!(!has("etc/reg/config.yml") && has("var/lib/registry/docker"));
}
