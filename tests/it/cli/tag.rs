//! `reg tag`

use expect_test::expect;

use crate::support::image::docker_image;
use crate::support::{Env, image};

#[test]
fn gives_an_image_more_names() {
    let env = Env::new();
    let digest = env.push("app:v1", &image(1));
    env.push("app:stable", &image(2));
    env.reg("tag $REG/app:v1 stable v1.0").check(expect![[r#"
        REFERENCE                   DIGEST                                                                   RESULT
        $REG/app:stable  sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab  tagged
        $REG/app:v1.0    sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab  tagged
    "#]]);
    for tag in ["v1", "v1.0", "stable"] {
        assert_eq!(env.reg(&format!("digest $REG/app:{tag}")).ok().trim_end(), digest);
    }
    // Nothing was deleted: the image that was called stable is still there.
    let before = image(2).digest();
    assert_eq!(env.http().head(&format!("/v2/app/manifests/{before}")).status, 200);
}

#[test]
fn keeps_the_bytes_and_the_media_type() {
    let env = Env::new();
    let digest = env.push("app:v1", &docker_image(1));
    assert_eq!(env.reg(&format!("tag $REG/app@{digest} copy -o json")).json()["items"][0]["result"], "tagged");
    let stored = env.http().get("/v2/app/manifests/copy");
    assert_eq!(stored.body, docker_image(1).manifest);
    assert_eq!(stored.header("content-type"), Some("application/vnd.docker.distribution.manifest.v2+json"));
}

#[test]
fn failures() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.reg("tag $REG/app:v2 new").check(expect![[r#"
        ------- stderr -------
        error: cannot read $REG/app:v2
          caused by: GET /v2/app/manifests/v2: 404 MANIFEST_UNKNOWN (manifest v2 is not known)
        [exit 3]
    "#]]);
    env.reg("tag $REG/app:v1 -- .bad").check(expect![[r#"
        ------- stderr -------
        error: invalid value '.bad' for '<NEW_TAG>...': invalid tag ".bad": up to 128 letters, digits, '_', '.' and '-', not starting with '.' or '-'

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("tag $REG/app:v1 $REG/app:v2").check(expect![[r#"
        ------- stderr -------
        error: invalid value '$REG/app:v2' for '<NEW_TAG>...': invalid tag "$REG/app:v2": up to 128 letters, digits, '_', '.' and '-', not starting with '.' or '-'. Only the tag is named here: v2; `reg copy` copies to another repository

        For more information, try '--help'.
        [exit 2]
    "#]]);
    env.reg("tag $REG/app:v1").check(expect![[r#"
        ------- stderr -------
        error: the following required arguments were not provided:
          <NEW_TAG>...

        Usage: reg tag <SOURCE> <NEW_TAG>...

        For more information, try '--help'.
        [exit 2]
    "#]]);
}
