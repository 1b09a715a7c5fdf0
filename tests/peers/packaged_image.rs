//! The image in the place of registry:2's: every way in which that one is run, on a real daemon.
//!
//! The daemon has no network of its own. What only has to run is asked from inside; what is used from outside shares the
//! network of this machine, as `--publish` would have it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use tempfile::TempDir;

use crate::support::certificates::certificates;
use crate::support::image::{Flavour, image};
use crate::support::packaged::{Container, Image, volume};
use crate::support::process::free_address;
use crate::support::programs::{available, require};
use crate::support::reg::Reg;
use crate::support::registry::{Kind, Server};

const CONFIG: &str = "/etc/docker/registry/config.yml";

#[test]
fn it_says_of_itself_what_registry_2_says() {
    let image = available!(Image::build());
    assert_eq!(image.inspect("{{json .Config.ExposedPorts}}"), r#"{"5000/tcp":{}}"#);
    assert_eq!(image.inspect("{{json .Config.Volumes}}"), r#"{"/var/lib/registry":{}}"#);
    assert_eq!(image.inspect("{{json .Config.Cmd}}"), format!("[{CONFIG:?}]"));
    assert_eq!(image.inspect("{{.Config.User}}"), "", "its volumes belong to root");
    let layers = image.inspect("{{len .RootFS.Layers}}");
    assert_eq!(layers, "1", "the binary is in it once");
}

#[test]
fn every_way_to_start_it_starts_it() {
    let image = available!(Image::build());
    for arguments in [
        &[][..],
        &[CONFIG],
        &["/etc/distribution/config.yml"],
        &["serve", CONFIG],
        &["registry", "serve", CONFIG],
        &["/bin/registry", "serve", CONFIG],
    ] {
        let container = image.start(&["--network", "none"], arguments);
        container.await_inside();
        let catalog = container.exec(&["reg", "catalog", "localhost:5000", "-o", "name"]).ok();
        assert_eq!(catalog, "", "{arguments:?}");
    }
}

#[test]
fn it_answers_what_registry_answers_and_is_reg_too() {
    let image = available!(Image::build());
    let help = image.run(&[], &["help"]).ok();
    assert!(help.starts_with("`registry`") && help.contains("garbage-collect"), "{help}");
    let version = image.run(&[], &["--version"]).ok();
    assert_eq!(version, format!("/bin/registry reg {}", env!("CARGO_PKG_VERSION")));
    assert_eq!(image.run(&[], &["reg", "--version"]).ok(), format!("reg {}", env!("CARGO_PKG_VERSION")));
    let unknown = image.run(&[], &["sevre"]);
    assert_ne!(unknown.code, 0, "{unknown:?}");
}

/// A file or a folder over the path of either image; the default argument is the same.
#[test]
fn a_configuration_is_mounted_where_either_image_has_it() {
    let image = available!(Image::build());
    let directory = TempDir::new().expect("a directory");
    let config = directory.path().join("config.yml");
    let text = "version: 0.1\nstorage: inmemory\nhttp:\n  addr: :5000\n  headers:\n    X-Mounted: [here]\n";
    fs::write(&config, text).expect("a configuration");
    for (host, inside) in [
        (config.as_path(), "/etc/docker/registry/config.yml"),
        (config.as_path(), "/etc/distribution/config.yml"),
        (directory.path(), "/etc/docker/registry"),
        (directory.path(), "/etc/distribution"),
    ] {
        let container = image.start(&["--network", "none", &volume(host, inside)], &[]);
        container.await_inside();
        let shown = container.exec(&["reg", "config", "show", CONFIG]).ok();
        assert!(shown.contains("X-Mounted"), "{inside}: {shown}");
    }
}

#[test]
fn data_of_registry_2_is_served_and_stays_readable() {
    let image_ = available!(Image::build());
    let _program = require!("docker-registry");
    let directory = TempDir::new().expect("a directory");
    let graph = image(Flavour::Docker, 4711);
    {
        let theirs = Server::start_on(Kind::Registry2, directory.path()).expect("it was asked for");
        theirs.api().push("old/app", "v1", &graph);
    }
    let data = volume(&directory.path().join("data"), "/var/lib/registry");
    let more = image(Flavour::Oci, 4712);
    let address = free_address();
    let listen = format!("--env=REGISTRY_HTTP_ADDR={address}");
    {
        let container = image_.start(&["--network", "host", &data, &listen], &[]);
        let api = container.await_at(address);
        api.verify("old/app", "v1", &graph);
        api.push("new/app", "v1", &more);
    }
    // Back again.
    let theirs = Server::start_on(Kind::Registry2, directory.path()).expect("it was asked for");
    theirs.api().verify("old/app", "v1", &graph);
    theirs.api().verify("new/app", "v1", &more);
    drop(theirs);
    // Somebody who is not root serves what root has written once it is theirs.
    open_for_all(directory.path());
    let given =
        std::process::Command::new("chown").args(["-R", "1000:1000"]).arg(directory.path().join("data")).status();
    assert!(given.expect("chown runs").success());
    let container = image_.start(&["--network", "host", "--user", "1000:1000", "--read-only", &data, &listen], &[]);
    let api = container.await_at(address);
    api.verify("old/app", "v1", &graph);
    api.push("new/app", "v2", &graph);
}

/// A temporary directory is closed to others; the data in it is not.
fn open_for_all(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("permissions");
}

#[test]
fn it_needs_neither_root_nor_a_file_system_of_its_own() {
    let image_ = available!(Image::build());
    let address = free_address();
    let listen = format!("--env=REGISTRY_HTTP_ADDR={address}");
    let strict = ["--user", "1000:1000", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    let graph = image(Flavour::Oci, 4713);
    // A volume that docker makes, and a folder of that user's.
    let folder = TempDir::new().expect("a directory");
    std::os::unix::fs::chown(folder.path(), Some(1000), Some(1000)).expect("a folder of theirs: needs root");
    for mount in [None, Some(volume(folder.path(), "/var/lib/registry"))] {
        let options: Vec<&str> =
            ["--network", "host", &listen].into_iter().chain(strict).chain(mount.as_deref()).collect();
        let container = image_.start(&options, &[]);
        let api = container.await_at(address);
        api.push("team/app", "v1", &graph);
        api.verify("team/app", "v1", &graph);
    }
    let made = fs::metadata(folder.path().join("docker/registry/v2")).expect("data");
    assert_eq!((made.uid(), made.gid()), (1000, 1000));
}

/// With `docker exec`, as guides write it, and with a container of its own on the same volume.
#[test]
fn garbage_is_collected_in_every_way_that_is_written() {
    let image_ = available!(Image::build());
    let folder = TempDir::new().expect("a directory");
    let data = volume(folder.path(), "/var/lib/registry");
    let allowed = "--env=REGISTRY_STORAGE_DELETE_ENABLED=true";
    let address = free_address();
    let listen = format!("--env=REGISTRY_HTTP_ADDR={address}");
    let container = image_.start(&["--network", "host", &data, allowed, &listen], &[]);
    let api = container.await_at(address);
    let (kept, gone) = (image(Flavour::Oci, 4714), image(Flavour::Oci, 4715));
    api.push("app", "kept", &kept);
    api.push("app", "gone", &gone);
    api.delete_manifest("app", gone.digest());
    let layer = gone.parts[0].digest.clone();

    for program in ["registry", "/bin/registry", "bin/registry"] {
        let planned = container.exec(&[program, "garbage-collect", "--dry-run", CONFIG]).ok();
        let goes = |digest: &str| planned.contains(&format!("eligible for deletion: {digest}"));
        assert!(goes(&layer) && !goes(&kept.parts[0].digest), "{planned}");
    }
    let refused = container.exec(&["registry", "garbage-collect", CONFIG]);
    assert_ne!(refused.code, 0, "somebody may be pushing: {refused:?}");
    assert!(api.has_blob("app", &layer));
    drop(container);

    image_.run(&[&data], &["garbage-collect", CONFIG]).ok();
    image_.run(&[&data], &["/bin/registry", "garbage-collect", "-m", CONFIG]).ok();
    let blobs = |digest: &str| {
        let hex = digest.strip_prefix("sha256:").expect("a digest");
        folder.path().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2])).is_file()
    };
    assert!(!blobs(&layer) && kept.parts.iter().all(|part| blobs(&part.digest)));
}

/// `docker run … registry:2` as the guides write it, with the network of this machine in place of `-p 5000:5000`.
fn as_the_guides_run_it(image: &Image, more: &[String]) -> (Container, SocketAddr) {
    let address = free_address();
    let listen = format!("--env=REGISTRY_HTTP_ADDR={address}");
    let options = ["--network=host", "--restart=always", &listen].into_iter().chain(more.iter().map(String::as_str));
    let container = image.start(&options.collect::<Vec<_>>(), &[]);
    container.await_connection(address);
    (container, address)
}

/// Copies an image there and asks for it again.
fn is_usable(reg: &Reg, trust: &[&str], address: SocketAddr) {
    let name = format!("{address}/guide:v1");
    let hello = concat!("oci:", env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hello:v1");
    reg.ok(&[trust, &["copy", hello, &name]].concat());
    let digest = reg.ok(&[trust, &["digest", &name]].concat());
    assert_eq!(digest, "sha256:49c0ac9046a1a363eb84560175777f78eb5b5785935e9b5e83b7823881e3a238");
}

#[test]
fn the_first_set_up_of_every_guide() {
    let image = available!(Image::build());
    let data = TempDir::new().expect("a directory");
    let (_container, address) = as_the_guides_run_it(&image, &[volume(data.path(), "/var/lib/registry")]);
    is_usable(&Reg::new(), &[], address);
    assert!(data.path().join("docker/registry/v2/repositories/guide").is_dir(), "the data is on the volume");
}

/// A certificate, then passwords on top of it.
#[test]
fn the_other_set_ups_of_every_guide() {
    let image = available!(Image::build());
    let folders = ["certs", "auth"].map(|inside| {
        let folder = TempDir::new().expect("a directory");
        let volume = volume(folder.path(), &format!("/{inside}"));
        (folder, volume)
    });
    let [(certs, certs_volume), (auth, auth_volume)] = &folders;
    let authority = certificates(certs.path());
    // alice:secret, as `htpasswd -Bbn` writes it.
    let users = "alice:$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO\n";
    fs::write(auth.path().join("htpasswd"), users).expect("users");
    let tls = [
        certs_volume,
        "--env=REGISTRY_HTTP_TLS_CERTIFICATE=/certs/domain.crt",
        "--env=REGISTRY_HTTP_TLS_KEY=/certs/domain.key",
    ];
    let passwords = [
        auth_volume,
        "--env=REGISTRY_AUTH=htpasswd",
        "--env=REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm",
        "--env=REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd",
    ];
    let reg = Reg::new();
    let ca = reg.home.path().join("ca.crt");
    fs::write(&ca, authority).expect("an authority");
    let trust = format!("--ca-file={}", ca.display());

    let (_encrypted, address) = as_the_guides_run_it(&image, &tls.map(str::to_owned));
    assert_ne!(reg.run(&["ping", &address.to_string()]).code, 0, "nobody said whom to trust");
    is_usable(&reg, &[&trust], address);

    let both: Vec<String> = tls.iter().chain(&passwords).map(ToString::to_string).collect();
    let (_closed, address) = as_the_guides_run_it(&image, &both);
    assert_eq!(reg.run(&[&trust, "catalog", &address.to_string()]).code, 4, "alice has not logged in");
    reg.knows("alice:secret", &address.to_string());
    is_usable(&reg, &[&trust], address);
}
