//! `reg digest`

use expect_test::expect;

use crate::support::{Env, image};

#[test]
fn prints_the_digest_alone() {
    let env = Env::new();
    let digest = env.push("team/app:v1", &image(1));
    assert_eq!(env.reg("digest $REG/team/app:v1").ok(), format!("{digest}\n"));
    assert_eq!(env.reg(&format!("digest $REG/team/app@{digest}")).ok(), format!("{digest}\n"));
    assert_eq!(env.reg("digest -o name $REG/team/app:v1").ok(), format!("$REG/team/app@{digest}\n"));
    env.reg("digest -o json $REG/team/app:v1").check(expect![[r#"
        {
          "schema": "reg.digest/v1",
          "registry": "$REG",
          "repository": "team/app",
          "items": [
            {
              "reference": "$REG/team/app:v1",
              "digest": "sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab",
              "media_type": "application/vnd.oci.image.manifest.v1+json",
              "size": 557
            }
          ],
          "errors": []
        }
    "#]]);
}

#[test]
fn asks_once() {
    let env = Env::new();
    env.push("app:latest", &image(1));
    let output = env.reg("digest -v $REG/app");
    assert_eq!(output.exit, Some(0), "{output}");
    let requests: Vec<_> = output.stderr.lines().filter(|line| line.starts_with("> ")).collect();
    assert_eq!(requests, ["> HEAD http://$REG/v2/app/manifests/latest"], "{output}");
}

#[test]
fn what_is_not_there() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.reg("digest $REG/app:v2").check(expect![[r#"
        ------- stderr -------
        error: cannot find $REG/app:v2
          caused by: HEAD /v2/app/manifests/v2: 404 Not Found
        [exit 3]
    "#]]);
    env.reg("digest $REG/no/such:v1").check(expect![[r#"
        ------- stderr -------
        error: cannot find $REG/no/such:v1
          caused by: HEAD /v2/no/such/manifests/v1: 404 Not Found
        [exit 3]
    "#]]);
}

#[test]
fn wrong_references() {
    let env = Env::without_server();
    env.reg("digest $REG/app:").check(expect![[r#"
        ------- stderr -------
        error: invalid reference "$REG/app:"
          caused by: invalid host "$REG": expected HOST or HOST:PORT
        [exit 2]
    "#]]);
    env.reg("digest localhost:5000/app@sha256:abc").check(expect![[r#"
        ------- stderr -------
        error: invalid reference "localhost:5000/app@sha256:abc"
          caused by: invalid digest "sha256:abc": expected <algorithm>:<lower-case hex>
        [exit 2]
    "#]]);
    env.reg("digest localhost:5000/app@md5:d41d8cd98f00b204e9800998ecf8427e").check(expect![[r#"
        ------- stderr -------
        error: invalid reference "localhost:5000/app@md5:d41d8cd98f00b204e9800998ecf8427e"
          caused by: digest algorithm "md5" is not supported (sha256 and sha512 are)
        [exit 2]
    "#]]);
    env.reg("digest localhost:99999/app").check(expect![[r#"
        ------- stderr -------
        error: invalid reference "localhost:99999/app"
          caused by: invalid host "localhost:99999": expected HOST or HOST:PORT
        [exit 2]
    "#]]);
    env.reg("digest ''").check(expect![[r#"
        ------- stderr -------
        error: invalid reference ""
          caused by: a repository name is missing
        [exit 2]
    "#]]);
}
