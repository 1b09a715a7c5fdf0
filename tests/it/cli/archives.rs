//! Archives: `docker save` in both of its forms, image layouts in a tar file, what is written and what is refused.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use expect_test::expect;

use super::copy::{assert_there, second};
use crate::support::image::{DOCKER_MANIFEST, digest, index, noise};
use crate::support::{Env, Image, image};

/// Writes an archive of files and links.
fn pack(path: &Path, entries: &[(&str, &[u8])], links: &[(&str, &str)]) {
    let mut archive = tar::Builder::new(std::fs::File::create(path).expect("a file"));
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *bytes).expect("added");
    }
    for (name, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, name, target).expect("added");
    }
    archive.finish().expect("finished");
}

/// Every file of an archive.
fn unpack(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(std::fs::File::open(path).expect("a file"));
    let read = |entry: std::io::Result<tar::Entry<'_, std::fs::File>>| {
        let mut entry = entry.expect("an entry");
        let (name, mut bytes) = (entry.path().expect("a name").display().to_string(), Vec::new());
        entry.read_to_end(&mut bytes).expect("bytes");
        (name, bytes)
    };
    archive.entries().expect("an archive").map(read).collect()
}

/// A config with these layers, and the manifest that docker's archive of it amounts to, written out by hand.
fn docker_image(layers: &[Vec<u8>]) -> (Vec<u8>, Image) {
    let ids: Vec<String> = layers.iter().map(|layer| format!("{:?}", digest(layer))).collect();
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        ids.join(",")
    )
    .into_bytes();
    let entry = |kind: &str, bytes: &[u8]| {
        format!(r#"{{"mediaType":"{kind}","size":{},"digest":"{}"}}"#, bytes.len(), digest(bytes))
    };
    let described: Vec<String> =
        layers.iter().map(|layer| entry("application/vnd.docker.image.rootfs.diff.tar", layer)).collect();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{DOCKER_MANIFEST}","config":{},"layers":[{}]}}"#,
        entry("application/vnd.docker.container.image.v1+json", &config),
        described.join(",")
    );
    let blobs = std::iter::once(config.clone()).chain(layers.iter().cloned()).collect();
    let (media_type, manifest) = (DOCKER_MANIFEST.into(), manifest.into_bytes());
    (config, Image { media_type, manifest, blobs, children: Vec::new() })
}

#[test]
fn what_docker_saved_is_copied() {
    let env = Env::new();
    let (base, top) = (noise(1, 5000), noise(2, 70_000));
    let (config, image) = docker_image(&[base.clone(), top.clone(), base.clone()]);
    // Until version 24: a folder for each layer, a link where the layer was there before.
    let list = br#"[{"Config":"c.json","RepoTags":["team/app:v1","other:v2"],"Layers":["a/layer.tar","b/layer.tar","c/layer.tar"]}]"#;
    let files: &[(&str, &[u8])] =
        &[("c.json", &config), ("a/layer.tar", &base), ("b/layer.tar", &top), ("manifest.json", list)];
    pack(&env.path("old.tar"), files, &[("c/layer.tar", "../a/layer.tar")]);
    // Since then: by digest, with an image layout beside it.
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", &digest(bytes)[7..]);
    let (config_name, base_name, top_name) = (blob(&config), blob(&base), blob(&top));
    let list = format!(
        r#"[{{"Config":"{config_name}","RepoTags":["team/app:v1"],"Layers":["{base_name}","{top_name}","{base_name}"],"LayerSources":{{}}}}]"#
    );
    let files: &[(&str, &[u8])] = &[
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#),
        (&config_name, &config),
        (&base_name, &base),
        (&top_name, &top),
        ("manifest.json", list.as_bytes()),
    ];
    pack(&env.path("new.tar"), files, &[]);
    for (at, form) in ["old.tar:team/app:v1", "new.tar", "new.tar:docker.io/team/app:v1"].iter().enumerate() {
        assert_eq!(env.reg(&format!("digest docker-archive:{form}")).ok().trim_end(), image.digest(), "{form}");
        env.reg(&format!("copy docker-archive:{form} $REG/to/{at}:x")).ok();
        assert_there(&mut env.http(), &format!("to/{at}"), "x", &image);
    }
    // The tag goes along where there is one.
    assert!(env.reg("copy docker-archive:new.tar $REG/named -o name").ok().ends_with("/named:v1\n"));
    assert!(env.reg("inspect docker-archive:new.tar").ok().contains("linux/amd64"));
    assert_eq!(env.reg("inspect --raw docker-archive:old.tar:other:v2").ok().as_bytes(), image.manifest);
    env.reg("digest docker-archive:old.tar:team/app:v3").check(expect![[r#"
        ------- stderr -------
        error: cannot find docker-archive:old.tar:team/app:v3
          caused by: v3 is not in old.tar
        [exit 3]
    "#]]);
    env.reg("digest docker-archive:old.tar:nobody").check(expect![[r#"
        ------- stderr -------
        error: cannot find docker-archive:old.tar:nobody
          caused by: there is no image in docker-archive:old.tar:nobody
        [exit 3]
    "#]]);
}

#[test]
fn only_the_image_that_is_asked_for_is_made() {
    let env = Env::without_server();
    let layer = noise(1, 5000);
    let (config, image) = docker_image(std::slice::from_ref(&layer));
    let list =
        br#"[{"Config":"none","RepoTags":["x:bad"],"Layers":[]},{"Config":"c","RepoTags":["x:v1"],"Layers":["l"]}]"#;
    pack(&env.path("a.tar"), &[("manifest.json", list), ("c", &config), ("l", &layer)], &[]);
    assert_eq!(env.reg("digest docker-archive:a.tar:x:v1").ok().trim_end(), image.digest());
    assert_eq!(env.reg("digest docker-archive:a.tar:x:bad").exit, Some(3));
    assert_eq!(env.reg("digest docker-archive:a.tar").exit, Some(3));
}

#[test]
fn lists_that_nobody_saves_are_refused() {
    let env = Env::without_server();
    let entry = |name: &str, layers: usize| {
        format!(r#"{{"Config":"c","RepoTags":["{name}"],"Layers":[{}]}}"#, vec![r#""l""#; layers].join(","))
    };
    let config = docker_image(&[b"a".to_vec()]).0;
    let pack = |list: String| {
        pack(&env.path("a.tar"), &[("manifest.json", list.as_bytes()), ("c", &config), ("l", b"a")], &[])
    };
    for (list, name, said) in [
        (format!("[{}]", vec![entry("x:v1", 0); 10_001].join(",")), "x:v1", "a list of more than 10000"),
        (format!("[{}]", entry("x:v1", 1001)), "x:v1", "the layers of c: a list of more than 1000"),
        (format!("[{}]", entry(&"x".repeat(16 << 20), 1)), "x:v1", "it has more than 16777216 bytes"),
    ] {
        pack(list);
        let output = env.reg(&format!("digest docker-archive:a.tar:{name}"));
        assert_eq!(output.exit, Some(1), "{output}");
        assert!(output.stderr.contains("a.tar/manifest.json is damaged: ") && output.stderr.contains(said), "{output}");
    }
    // Whoever asks for another image has nothing to do with it.
    pack(format!("[{},{}]", entry("x:v1", 1001), entry("x:v2", 1)));
    assert_eq!(env.reg("digest docker-archive:a.tar:x:v2").exit, Some(0));
}

#[test]
fn what_is_damaged_is_refused() {
    let env = Env::new();
    let (layer, other) = (noise(1, 5000), noise(2, 5000));
    let (config, _) = docker_image(std::slice::from_ref(&layer));
    let list = br#"[{"Config":"c.json","RepoTags":null,"Layers":["l"]}]"#;
    pack(&env.path("changed.tar"), &[("c.json", &config), ("l", &other), ("manifest.json", list)], &[]);
    let output = env.reg("copy docker-archive:changed.tar $REG/app:v1");
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(output.stderr.contains("changed.tar/l is damaged: its bytes have the digest"), "{output}");
    assert_eq!(env.reg("digest $REG/app:v1").exit, Some(3), "nothing was tagged");

    pack(&env.path("outside.tar"), &[("manifest.json", br#"[{"Config":"../../etc/passwd","Layers":[]}]"#)], &[]);
    pack(
        &env.path("less.tar"),
        &[("c.json", &config), ("manifest.json", br#"[{"Config":"c.json","Layers":[]}]"#)],
        &[],
    );
    std::fs::write(env.path("text.tar"), "no archive at all, but a text that goes on for a while\n".repeat(40))
        .expect("written");
    std::fs::write(env.path("gz.tar"), [0x1f, 0x8b, 8, 0, 0, 0]).expect("written");
    rustix::fs::mkfifoat(rustix::fs::CWD, env.path("pipe"), rustix::fs::Mode::RWXU).expect("made");
    let mut said = String::new();
    for file in ["outside.tar", "less.tar", "text.tar", "gz.tar", "pipe", "none.tar"] {
        let output = env.reg(&format!("digest docker-archive:{file}"));
        said.push_str(&format!("{}[exit {}]\n", output.stderr, output.exit.unwrap_or_default()));
    }
    expect![[r#"
        error: cannot find docker-archive:outside.tar
          caused by: ../../etc/passwd is not in outside.tar
        [exit 3]
        error: cannot find docker-archive:less.tar
          caused by: less.tar/c.json is damaged: it lists 1 layers, and manifest.json 0
        [exit 1]
        error: cannot find docker-archive:text.tar
          caused by: text.tar is damaged: it is no tar archive, or is cut off
        [exit 1]
        error: cannot find docker-archive:gz.tar
          caused by: gz.tar: it is compressed by gzip; decompress it first
        [exit 5]
        error: cannot find docker-archive:pipe
          caused by: pipe
          caused by: it is no regular file
        [exit 1]
        error: cannot find docker-archive:none.tar
          caused by: none.tar
          caused by: No such file or directory (os error 2)
        [exit 3]
    "#]]
    .assert_eq(&said);
}

#[test]
fn an_index_goes_through_an_archive() {
    let env = Env::with_two_servers();
    let whole = index(&[(4, "amd64"), (5, "arm64")]);
    env.push("app:v1", &whole);
    env.push("app:v2", &image(6));
    env.reg("copy $REG/app oci-archive:all.tar --all-tags").ok();
    let files = unpack(&env.path("all.tar"));
    assert_eq!(files["oci-layout"], br#"{"imageLayoutVersion":"1.0.0"}"#);
    assert!(files.contains_key("index.json") && !files.contains_key("manifest.json"));
    assert_eq!(files[&format!("blobs/sha256/{}", &whole.digest()[7..])], whole.manifest);
    assert_eq!(env.reg("digest oci-archive:all.tar:v1").ok().trim_end(), whole.digest());
    env.reg("copy oci-archive:all.tar $REG2/back --all-tags -o csv").ok();
    assert_there(&mut second(&env), "back", "v1", &whole);
    assert_there(&mut second(&env), "back", "v2", &image(6));
    let several = env.reg("digest oci-archive:all.tar");
    assert_eq!(several.exit, Some(2), "{several}");
    assert!(several.stderr.contains("there is v1, v2"), "{several}");
}

#[test]
fn what_docker_loads_is_written() {
    let env = Env::with_two_servers();
    env.push("team/app:v1", &image(1));
    env.push("team/app:v2", &image(2));
    env.push("team/app:multi", &index(&[(4, "amd64")]));
    env.reg("copy $REG/team/app docker-archive:some.tar:mine/app --filter 'v*'").ok();
    let files = unpack(&env.path("some.tar"));
    let list: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    let names: Vec<&str> = list.as_array().expect("a list").iter().filter_map(|e| e["RepoTags"][0].as_str()).collect();
    assert_eq!(names, ["mine/app:v1", "mine/app:v2"]);
    for entry in list.as_array().expect("a list") {
        let layers = entry["Layers"].as_array().expect("a list");
        assert_eq!(layers.len(), 2);
        for name in layers.iter().chain([&entry["Config"]]).map(|name| name.as_str().expect("text")) {
            assert_eq!(format!("sha256:{}", &name["blobs/sha256/".len()..]), digest(&files[name]), "{name}");
        }
    }
    // It is a layout too, and as that it has the digests of the registry.
    env.reg("copy oci-archive:some.tar:v1 $REG2/back").ok();
    assert_there(&mut second(&env), "back", "v1", &image(1));
    env.reg("copy $REG/team/app:multi docker-archive:multi.tar").check(expect![[r#"
        ------- stderr -------
        error: cannot copy $REG/team/app:multi to docker-archive:multi.tar
          caused by: target: cannot write tag multi
          caused by: multi.tar: docker load takes the image of one platform; choose one with --platform
        [exit 5]
    "#]]);
    env.reg("copy $REG/team/app docker-archive:all.tar --all-tags").check(expect![[r#"
        ------- stderr -------
        error: docker-archive:all.tar names no repository, and docker knows no tag without one
        hint: docker-archive:all.tar:NAME
        [exit 2]
    "#]]);
    assert!(!env.path("multi.tar").exists() && !env.path("all.tar").exists());
}

#[test]
fn an_archive_is_replaced_whole_or_not_at_all() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    std::fs::write(env.path("kept.tar"), "precious").expect("written");
    assert_eq!(env.reg("copy $REG/app:none oci-archive:kept.tar").exit, Some(3));
    env.reg("copy $REG/app:v1 oci-archive:kept.tar --dry-run").ok();
    // The layer is gone after the manifest has been read.
    let layer = digest(&image(1).blobs[2]);
    assert_eq!(env.http().send("DELETE", &format!("/v2/app/blobs/{layer}"), &[], b"").status, 202);
    assert_ne!(env.reg("copy $REG/app:v1 oci-archive:kept.tar").exit, Some(0));
    assert_eq!(std::fs::read(env.path("kept.tar")).expect("there"), b"precious");
    let left: Vec<_> = std::fs::read_dir(env.path("")).expect("a directory").flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
    env.push("app:v1", &image(1));
    env.reg("copy $REG/app:v1 oci-archive:kept.tar").ok();
    assert_eq!(env.reg("digest oci-archive:kept.tar").ok().trim_end(), image(1).digest());
}

#[test]
fn files_are_no_repositories() {
    let env = Env::without_server();
    let mut said = String::new();
    for command in
        ["tags docker-archive:x.tar", "delete --yes oci-archive:x", "tag oci:d:v1 v2", "copy docker-archive: x"]
    {
        let output = env.reg(command);
        said.push_str(&format!("{}[exit {}]\n", output.stderr, output.exit.unwrap_or_default()));
    }
    expect![[r#"
        error: "docker-archive:x.tar" is in files, and this is done in registries
        hint: a repository of that name is HOST/docker-archive
        [exit 2]
        error: "oci-archive:x" is in files, and this is done in registries
        hint: a repository of that name is HOST/oci-archive
        [exit 2]
        error: "oci:d:v1" is in files, and this is done in registries
        hint: a repository of that name is HOST/oci
        [exit 2]
        error: invalid place "docker-archive:": the path is missing
        hint: docker-archive:FILE[:NAME[:TAG]]
        [exit 2]
    "#]]
    .assert_eq(&said);
}
