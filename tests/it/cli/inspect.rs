//! `reg inspect`

use expect_test::expect;

use crate::support::image::{artifact, index};
use crate::support::{Env, image};

#[test]
fn shows_an_image() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.push("app:signature", &artifact("application/vnd.example.signature", &image(1), 9));
    env.reg("inspect $REG/app:v1").check(expect![[r#"
        Reference      $REG/app:v1
        Digest         sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab
        Media type     application/vnd.oci.image.manifest.v1+json
        Platforms      linux/amd64
        Created        2026-01-02T00:00:00Z
        Size           4.05 KiB
        Config         sha256:febf31f09227e2dce8cfb53da7fc03ee764b0f70fb4237ff67f21fe2c2a5695c (152 B)
        Environment    SEED=1

        Layers
          DIGEST                                                                   SIZE      MEDIA TYPE
          sha256:edeb5119e2c2647b6df1ba6be3a650421ed4c962567a015463b7fb21f8a12020  2.93 KiB  application/vnd.oci.image.layer.v1.tar+gzip
          sha256:92d5ebb3315886c469530c0acf965352d379dfeb549ec95cbad0ac41d27f015b  1000 B    application/vnd.oci.image.layer.v1.tar+gzip

        Referrers
          DIGEST                                                                   ARTIFACT TYPE
          sha256:c59fe3af5bc6f1b3b128d01a54775e4a9742911d6e9527b9413a8dc3b6783005  application/vnd.example.signature
    "#]]);
    env.reg("inspect $REG/app:signature").check(expect![[r#"
        Reference      $REG/app:signature
        Digest         sha256:c59fe3af5bc6f1b3b128d01a54775e4a9742911d6e9527b9413a8dc3b6783005
        Media type     application/vnd.oci.image.manifest.v1+json
        Artifact type  application/vnd.example.signature
        Size           102 B
        Subject        sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab
        Config         sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a (2 B)

        Layers
          DIGEST                                                                   SIZE   MEDIA TYPE
          sha256:734c78fc6bf0253ffb57d109e28db8ebbe1553dde23c2258b2dda7bddb7186e2  100 B  application/vnd.oci.image.layer.v1.tar+gzip

        Annotations
          seed: 9
    "#]]);
}

#[test]
fn shows_an_index() {
    let env = Env::new();
    env.push("app:latest", &index(&[(1, "amd64"), (2, "arm64")]));
    env.reg("inspect $REG/app").check(expect![[r#"
        Reference      $REG/app:latest
        Digest         sha256:48d013f74d3edaeb0d62be195866b0ac6f64ab0a69fdc477b187741bf11202ee
        Media type     application/vnd.oci.image.index.v1+json
        Platforms      linux/amd64, linux/arm64
        Size           5.18 KiB

        Images
          PLATFORM     DIGEST                                                                   SIZE      MEDIA TYPE
          linux/amd64  sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab  4.05 KiB  application/vnd.oci.image.manifest.v1+json
          linux/arm64  sha256:92e5d3f75d2e000e165263235990e4fdd2ed0975f9c677e37260eb44dd870daf  4.05 KiB  application/vnd.oci.image.manifest.v1+json
    "#]]);
    env.reg("inspect $REG/app --platform linux/arm64").check(expect![[r#"
        Reference      $REG/app:latest
        Digest         sha256:92e5d3f75d2e000e165263235990e4fdd2ed0975f9c677e37260eb44dd870daf
        Media type     application/vnd.oci.image.manifest.v1+json
        Platforms      linux/arm64
        Created        2026-01-03T00:00:00Z
        Size           4.05 KiB
        Config         sha256:989d7536e081d4fc3f1f8574f8e4fe0232b00eecb0070af4f3603b59267d8d8f (152 B)
        Environment    SEED=2

        Layers
          DIGEST                                                                   SIZE      MEDIA TYPE
          sha256:edeb5119e2c2647b6df1ba6be3a650421ed4c962567a015463b7fb21f8a12020  2.93 KiB  application/vnd.oci.image.layer.v1.tar+gzip
          sha256:309549db6aa6aa5b3a36561cf0696f62b78387ba1cd82683e7bb2658abda7f6a  1000 B    application/vnd.oci.image.layer.v1.tar+gzip
    "#]]);
}

#[test]
fn documents() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.reg("inspect $REG/app:v1 -o json").check(expect![[r#"
        {
          "schema": "reg.inspect/v1",
          "registry": "$REG",
          "repository": "app",
          "items": [
            {
              "reference": "$REG/app:v1",
              "digest": "sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab",
              "media_type": "application/vnd.oci.image.manifest.v1+json",
              "artifact_type": null,
              "size": 4152,
              "created": "2026-01-02T00:00:00Z",
              "platforms": [
                "linux/amd64"
              ],
              "config": {
                "digest": "sha256:febf31f09227e2dce8cfb53da7fc03ee764b0f70fb4237ff67f21fe2c2a5695c",
                "media_type": "application/vnd.oci.image.config.v1+json",
                "size": 152
              },
              "image": {
                "architecture": "amd64",
                "os": "linux",
                "created": "2026-01-02T00:00:00Z",
                "config": {
                  "Env": [
                    "SEED=1"
                  ]
                },
                "rootfs": {
                  "type": "layers",
                  "diff_ids": []
                },
                "history": []
              },
              "layers": [
                {
                  "digest": "sha256:edeb5119e2c2647b6df1ba6be3a650421ed4c962567a015463b7fb21f8a12020",
                  "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
                  "size": 3000
                },
                {
                  "digest": "sha256:92d5ebb3315886c469530c0acf965352d379dfeb549ec95cbad0ac41d27f015b",
                  "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
                  "size": 1000
                }
              ],
              "history": [],
              "manifests": [],
              "annotations": {},
              "subject": null,
              "referrers": []
            }
          ],
          "errors": []
        }
    "#]]);
}

#[test]
fn exact_bytes() {
    let env = Env::new();
    let whole = index(&[(1, "amd64"), (2, "arm64")]);
    env.push("app:v1", &whole);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    assert_eq!(env.reg("inspect --raw $REG/app:v1").ok(), text(&whole.manifest));
    let child = &whole.children[1];
    assert_eq!(env.reg("inspect --raw --platform linux/arm64 $REG/app:v1").ok(), text(&child.manifest));
    assert_eq!(env.reg("inspect --config --platform linux/arm64 $REG/app:v1").ok(), text(&child.blobs[0]));
}

#[test]
fn failures() {
    let env = Env::new();
    env.push("app:v1", &index(&[(1, "amd64"), (2, "arm64")]));
    env.push("app:one", &image(1));
    env.reg("inspect $REG/app:v1 --platform windows/amd64").check(expect![[r#"
        ------- stderr -------
        error: $REG/app:v1 has no image for windows/amd64
        hint: it has linux/amd64, linux/arm64
        [exit 3]
    "#]]);
    env.reg("inspect $REG/app:v1 --config").check(expect![[r#"
        ------- stderr -------
        error: $REG/app:v1 is an index, and each of its images has a config
        hint: --platform linux/amd64, or --platform linux/arm64
        [exit 2]
    "#]]);
    env.reg("inspect $REG/app:one --platform linux/arm64").check(expect![[r#"
        ------- stderr -------
        error: $REG/app:one is for linux/amd64, not for linux/arm64
        [exit 3]
    "#]]);
    env.reg("inspect $REG/app:v9").check(expect![[r#"
        ------- stderr -------
        error: cannot inspect $REG/app:v9
          caused by: GET /v2/app/manifests/v9: 404 MANIFEST_UNKNOWN (manifest v9 is not known)
        [exit 3]
    "#]]);
    env.reg("inspect $REG/app:v1 --platform linux").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'linux' for '--platform <OS/ARCH[/VARIANT]>': invalid platform "linux": expected OS/ARCH or OS/ARCH/VARIANT, for example linux/arm64/v8

        For more information, try '--help'.
        [exit 2]
    "#]]);
}

#[test]
fn layouts_are_inspected_too() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.reg("copy $REG/app:v1 oci:$TMP/layout:v1").ok();
    let text = String::from_utf8(image(1).manifest).expect("text");
    assert_eq!(env.reg("inspect --raw oci:$TMP/layout").ok(), text);
    let document = env.reg("inspect -o json oci:$TMP/layout:v1").json();
    assert_eq!(document["registry"], serde_json::Value::Null);
    assert_eq!(document["items"][0]["reference"], "oci:$TMP/layout:v1");
    assert_eq!(env.reg("inspect oci:$TMP/nothing").exit, Some(3));
}
