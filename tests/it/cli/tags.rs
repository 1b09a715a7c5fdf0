//! `reg tags`

use std::io::Read as _;
use std::process::Stdio;

use expect_test::expect;

use crate::support::image::{artifact, index};
use crate::support::server::reg;
use crate::support::watchdog::Watchdog;
use crate::support::{Env, image};

fn env() -> Env {
    let env = Env::new();
    env.push("team/app:v1.9.0", &image(2));
    env.push("team/app:v1.10.0", &image(3));
    env.push("team/app:latest", &image(3));
    env.push("team/app:multi", &index(&[(4, "amd64"), (5, "arm64")]));
    env
}

#[test]
fn lists_names() {
    let env = env();
    env.reg("tags $REG/team/app").check(expect![[r#"
        TAG
        latest
        multi
        v1.10.0
        v1.9.0
    "#]]);
    env.reg("tags $REG/team/app -o name").check(expect![[r#"
        $REG/team/app:latest
        $REG/team/app:multi
        $REG/team/app:v1.10.0
        $REG/team/app:v1.9.0
    "#]]);
}

#[test]
fn lists_everything() {
    let env = env();
    env.reg("tags $REG/team/app -o wide").check(expect![[r#"
        TAG      DIGEST                                                                   MEDIA TYPE                                  SIZE      CREATED               PLATFORMS
        latest   sha256:39753a4e46205361004d555bd7a15d6504e7e36556efd2a147df9838ddfbb14a  application/vnd.oci.image.manifest.v1+json  4.05 KiB  2026-01-04T00:00:00Z  linux/amd64
        multi    sha256:427c2ffd66b530408814bea81507f770fd5e943746ddb77c9f3b191f1f0ca5ee  application/vnd.oci.image.index.v1+json     5.18 KiB  2026-01-06T00:00:00Z  linux/amd64 linux/arm64
        v1.10.0  sha256:39753a4e46205361004d555bd7a15d6504e7e36556efd2a147df9838ddfbb14a  application/vnd.oci.image.manifest.v1+json  4.05 KiB  2026-01-04T00:00:00Z  linux/amd64
        v1.9.0   sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a  application/vnd.oci.image.manifest.v1+json  4.05 KiB  2026-01-03T00:00:00Z  linux/amd64
    "#]]);
    env.reg("tags $REG/team/app -o csv").check(expect![[r#"
        tag,digest,media_type,size,created,platforms
        latest,sha256:39753a4e46205361004d555bd7a15d6504e7e36556efd2a147df9838ddfbb14a,application/vnd.oci.image.manifest.v1+json,4152,2026-01-04T00:00:00Z,linux/amd64
        multi,sha256:427c2ffd66b530408814bea81507f770fd5e943746ddb77c9f3b191f1f0ca5ee,application/vnd.oci.image.index.v1+json,5304,2026-01-06T00:00:00Z,linux/amd64 linux/arm64
        v1.10.0,sha256:39753a4e46205361004d555bd7a15d6504e7e36556efd2a147df9838ddfbb14a,application/vnd.oci.image.manifest.v1+json,4152,2026-01-04T00:00:00Z,linux/amd64
        v1.9.0,sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a,application/vnd.oci.image.manifest.v1+json,4152,2026-01-03T00:00:00Z,linux/amd64
    "#]]);
    env.reg("tags $REG/team/app -o jsonl").check(expect![[r#"
        {"tag":"latest","digest":"sha256:39753a4e46205361004d555bd7a15d6504e7e36556efd2a147df9838ddfbb14a","media_type":"application/vnd.oci.image.manifest.v1+json","size":4152,"created":"2026-01-04T00:00:00Z","platforms":["linux/amd64"]}
        {"tag":"multi","digest":"sha256:427c2ffd66b530408814bea81507f770fd5e943746ddb77c9f3b191f1f0ca5ee","media_type":"application/vnd.oci.image.index.v1+json","size":5304,"created":"2026-01-06T00:00:00Z","platforms":["linux/amd64","linux/arm64"]}
        {"tag":"v1.10.0","digest":"sha256:39753a4e46205361004d555bd7a15d6504e7e36556efd2a147df9838ddfbb14a","media_type":"application/vnd.oci.image.manifest.v1+json","size":4152,"created":"2026-01-04T00:00:00Z","platforms":["linux/amd64"]}
        {"tag":"v1.9.0","digest":"sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a","media_type":"application/vnd.oci.image.manifest.v1+json","size":4152,"created":"2026-01-03T00:00:00Z","platforms":["linux/amd64"]}
    "#]]);
}

#[test]
fn documents_have_the_keys_of_the_contract() {
    env().reg("tags $REG/team/app -o json --filter multi").check(expect![[r#"
        {
          "schema": "reg.tags/v1",
          "registry": "$REG",
          "repository": "team/app",
          "items": [
            {
              "tag": "multi",
              "digest": "sha256:427c2ffd66b530408814bea81507f770fd5e943746ddb77c9f3b191f1f0ca5ee",
              "media_type": "application/vnd.oci.image.index.v1+json",
              "size": 5304,
              "created": "2026-01-06T00:00:00Z",
              "platforms": [
                "linux/amd64",
                "linux/arm64"
              ]
            }
          ],
          "errors": []
        }
    "#]]);
}

#[test]
fn sizes_count_shared_blobs_once() {
    let env = env();
    let tags = env.reg("tags $REG/team/app -o json --columns tag,size").json();
    let size = |at: usize| tags["items"][at]["size"].as_u64().expect("a size");
    let config = image(3).blobs[0].len() as u64;
    assert_eq!(size(0), 3000 + 1000 + config, "{tags}");
    // The first layer is the same in both images of the index.
    assert!(size(1) < 2 * size(0) && size(1) > size(0) + 1000, "{tags}");
    assert_eq!(tags["items"][0]["created"], serde_json::Value::Null, "not asked for");
}

#[test]
fn columns_cost_only_the_requests_they_need() {
    let env = env();
    let requests = |arguments: &str| {
        let output = env.reg(&format!("tags $REG/team/app -v {arguments}"));
        let mut lines: Vec<String> = output
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("> "))
            .map(|line| line.split(' ').next().expect("a method").to_owned())
            .collect();
        lines.sort();
        lines.join(" ")
    };
    assert_eq!(requests(""), "GET");
    assert_eq!(requests("--columns tag"), "GET");
    assert_eq!(requests("--columns tag,digest"), "GET HEAD HEAD HEAD HEAD");
    assert_eq!(requests("--columns digest --limit 1"), "GET HEAD");
    assert_eq!(requests("--columns digest --filter 'v*'"), "GET HEAD HEAD");
    // The platforms of an index stand in it; those of an image in its config, read once.
    assert_eq!(requests("--columns platforms --match 'multi'"), "GET GET");
    assert_eq!(requests("--columns platforms --match 'v1.10.0|latest'"), "GET GET GET GET");
    assert_eq!(requests("-o name --sort semver --limit 1"), "GET");
}

#[test]
fn filters_and_orders() {
    let env = env();
    let tags = |arguments: &str| {
        let output = env.reg(&format!("tags $REG/team/app -o csv --columns tag {arguments}"));
        output.ok().lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(tags(""), "latest multi v1.10.0 v1.9.0");
    assert_eq!(tags("--filter 'v1.*'"), "v1.10.0 v1.9.0");
    assert_eq!(tags("--match '[0-9]$'"), "v1.10.0 v1.9.0");
    assert_eq!(tags("--semver '>=1.10, <2'"), "v1.10.0");
    assert_eq!(tags("--sort semver"), "latest multi v1.9.0 v1.10.0");
    assert_eq!(tags("--sort semver --reverse --limit 1"), "v1.10.0");
    assert_eq!(tags("--sort name --reverse"), "v1.9.0 v1.10.0 multi latest");
    assert_eq!(tags("--sort created --limit 1"), "v1.9.0");
    assert_eq!(tags("--sort created --reverse --limit 1"), "multi");
    assert_eq!(tags("--sort size --reverse --limit 1"), "multi");
    assert_eq!(tags("--filter nothing"), "");
}

#[test]
fn what_has_no_config_of_an_image_is_of_unknown_age() {
    let env = Env::new();
    env.push("a:v1", &image(1));
    env.push("a:note", &artifact("text/plain", &image(1), 7));
    env.reg("tags $REG/a -o csv --columns tag,created,platforms").check(expect![[r#"
        tag,created,platforms
        note,,
        v1,2026-01-02T00:00:00Z,linux/amd64
    "#]]);
}

#[test]
fn unknown_repository() {
    Env::new().reg("tags $REG/no/such").check(expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $REG/no/such
          caused by: GET /v2/no/such/tags/list: 404 NAME_UNKNOWN (repository no/such is not known)
        [exit 3]
    "#]]);
}

#[test]
fn wrong_usage() {
    let env = Env::without_server();
    env.reg("tags localhost:5000/App").check(expect![[r#"
        ------- stderr -------
        error: invalid reference "localhost:5000/App"
          caused by: invalid repository name "App": lower-case letters and digits, separated by '.', '_', '__', '-' or '/', are allowed
        [exit 2]
    "#]]);
    env.reg("tags localhost:5000/app:v1").check(expect![[r#"
        ------- stderr -------
        error: "localhost:5000/app:v1" names one image; a repository is expected
        hint: localhost:5000/app
        [exit 2]
    "#]]);
    env.reg("tags https://localhost:5000/app").check(expect![[r#"
        ------- stderr -------
        error: invalid reference "https://localhost:5000/app"
        hint: leave https:// away
        [exit 2]
    "#]]);
    env.reg("tags app --columns tag,colour").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'colour' for '--columns <COLUMN,…>': there is no such column; there are tag, digest, media_type, size, created, platforms

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("tags app --match '('").check(expect![[r#"
        ------- stderr -------
        error: invalid value '(' for '--match <REGEX>': regex parse error:
            (
            ^
        error: unclosed group

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("tags app --semver one").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'one' for '--semver <RANGE>': unexpected character 'o' while parsing major version number; for example '>=1.2, <2' or '^1.4'

        For more information, try '--help'.
        [exit 2]
    "#]]);
}

#[test]
fn a_broken_pipe_is_quiet_success() {
    let env = Env::new();
    for tag in 0..300 {
        let tag = format!("a:{}{tag}", "long-".repeat(20));
        let manifest = image(1);
        if tag.starts_with("a:") && tag.ends_with("-0") {
            env.push(&tag, &manifest);
        } else {
            let stored =
                env.http().put(&tag.replacen("a:", "/v2/a/manifests/", 1), &manifest.media_type, &manifest.manifest);
            assert_eq!(stored.status, 201);
        }
    }
    for format in ["name", "table", "json"] {
        let mut child = reg()
            .args(["tags", &env.expand("$REG/a"), "-o", format])
            .env("HOME", env.home())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let _watchdog = Watchdog::over(&child);
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
        assert_eq!((child.wait().expect("an end").code(), stderr.as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn quiet_and_colours() {
    let env = env();
    env.reg("tags $REG/team/app -q").check(expect![[""]]);
    env.reg("tags $REG/no/such -q").check(expect![[r#"
        ------- stderr -------
        error: cannot list the tags of $REG/no/such
          caused by: GET /v2/no/such/tags/list: 404 NAME_UNKNOWN (repository no/such is not known)
        [exit 3]
    "#]]);
    assert!(env.reg("tags $REG/team/app --color always").ok().contains("\x1b[1m"));
    assert!(!env.reg("tags $REG/team/app").ok().contains('\x1b'));
    let failed = env.reg("tags $REG/no/such --color always");
    assert!(failed.stderr.starts_with("\x1b[1;31merror:\x1b[0m cannot list"), "{failed}");
}

#[test]
fn what_is_no_version() {
    let env = Env::new();
    for tag in ["v1.10.0", "latest", "1.9.1", "1.9.1-rc1", "edge", "2", "1.2.3.4"] {
        env.push(&format!("app:{tag}"), &image(1));
    }
    let tags = |arguments: &str| {
        let names = env.reg(&format!("tags $REG/app -o name {arguments}")).ok().replace("$REG/app:", "");
        names.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(tags("--sort semver"), "1.2.3.4 edge latest 1.9.1-rc1 1.9.1 v1.10.0 2");
    assert_eq!(tags("--sort semver --reverse --limit 1"), "2");
    assert_eq!(tags("--semver '>=1' --sort semver"), "1.9.1 v1.10.0 2");
    assert_eq!(tags("--semver '*' --match latest"), "");
}
