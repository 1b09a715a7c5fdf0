//! Texts of a hostile registry: shown, never obeyed, and never taken for a line of ours.

use crate::support::scripted::{Scripted, reply};
use crate::support::{Env, digest};

const FORMATS: [&str; 6] = ["table", "wide", "json", "jsonl", "name", "csv"];

/// Orders to a terminal, ends of lines in all spellings, turns of direction, what is not seen; then a line of ours.
const EVIL: &str = "\u{1b}]0;PWN\u{7}\u{1b}[2J\u{9b}31m\u{85}\u{202e}\r\n\t\u{2028}\u{2029}\u{2067}\u{61c}\u{200b}\u{feff}\u{7f}\
    \nDigest         sha256:forged\nforged";

fn is_evil(c: char) -> bool {
    c != '\n' && EVIL.contains(c) && !c.is_ascii_graphic() && c != ' '
}

/// A registry in which every text is [`EVIL`]; `a:v1` is an image, `a:all` an index of it.
fn registry() -> Scripted {
    let evil = serde_json::to_string(EVIL).expect("serializes");
    let annotations = format!(r#"{{{evil}:{evil}}}"#);
    let config = format!(
        r#"{{"os":{evil},"architecture":{evil},"created":{evil},"history":[{{"created":{evil},"created_by":{evil}}}],"config":{{"Env":[{evil}],"Cmd":[{evil}],"Entrypoint":[{evil}],"Labels":{annotations},"User":{evil},"WorkingDir":{evil},"ExposedPorts":{{{evil}:{{}}}},"Volumes":{{{evil}:{{}}}}}},"rootfs":{{"type":{evil},"diff_ids":[]}}}}"#
    );
    let blob = |media_type: &str| {
        let (digest, size) = (digest(config.as_bytes()), config.len());
        format!(r#"{{"mediaType":{media_type},"digest":"{digest}","size":{size},"annotations":{annotations}}}"#)
    };
    let image = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":{evil},"config":{},"layers":[{}],"annotations":{annotations}}}"#,
        blob("\"application/vnd.oci.image.config.v1+json\""),
        blob(&evil),
    );
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"platform":{{"os":{evil},"architecture":{evil},"variant":{evil}}},"artifactType":{evil},"annotations":{annotations}}}],"annotations":{annotations}}}"#,
        digest(image.as_bytes()),
        image.len(),
    );
    let tags = format!(r#"{{"name":{evil},"tags":["all",{evil},"v1"]}}"#);
    let catalog = format!(r#"{{"repositories":["a",{evil}]}}"#);
    Scripted::serve(move |request| {
        let manifest = |media_type: &str, text: &str| {
            let media_type = format!("Content-Type: application/vnd.oci.image.{media_type}.v1+json");
            reply(200, &[&media_type, &format!("Docker-Content-Digest: {}", digest(text.as_bytes()))], text)
        };
        match request.line.split_once(' ').map_or("", |(_, path)| path) {
            path if path.contains("_catalog") => reply(200, &[], &catalog),
            path if path.contains("/tags/") => reply(200, &[], &tags),
            path if path.contains("/referrers/") || path.contains("all") => manifest("index", &index),
            path if path.contains(&digest(index.as_bytes())) => manifest("index", &index),
            path if path.contains("/manifests/sha256-") => reply(404, &[], ""),
            path if path.contains("/manifests/") => manifest("manifest", &image),
            _ => reply(200, &[], &config),
        }
    })
}

#[test]
fn nothing_is_obeyed_in_any_format() {
    let (registry, env) = (registry(), Env::without_server());
    for command in ["catalog $HOST", "tags $HOST/a", "inspect $HOST/a:v1", "inspect $HOST/a:all"] {
        for format in FORMATS {
            let output = registry.reg(&env, &format!("{command} -o {format}"));
            assert_eq!(output.exit, Some(0), "{command} {format}: {output}");
            for text in [&output.stdout, &output.stderr] {
                assert!(!text.contains(is_evil), "{command} {format}: {text:?}");
                let forged = text.lines().any(|line| {
                    line.trim_start().starts_with("forged")
                        || line.contains("  sha256:forged") && line.starts_with("Digest")
                });
                assert!(!forged, "{command} {format}: {text}");
            }
        }
    }
}

#[test]
fn what_was_there_is_shown() {
    let (registry, env) = (registry(), Env::without_server());
    let shown: String = EVIL
        .chars()
        .flat_map(|c| if c.is_ascii_graphic() || c == ' ' { vec![c] } else { c.escape_default().collect() })
        .collect();
    let output = registry.reg(&env, "inspect $HOST/a:v1");
    for line in [format!("Artifact type  {shown}"), format!("  {shown}: {shown}"), format!("User           {shown}")] {
        assert!(output.stdout.lines().any(|found| found == line), "{line}\n{output}");
    }
    let csv = registry.reg(&env, "inspect $HOST/a:v1 -o csv").stdout;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.contains(&shown), "{csv}");
    // A program gets exactly what the registry said.
    let document = registry.reg(&env, "inspect $HOST/a:v1 -o json").json();
    assert_eq!(document["items"][0]["annotations"][EVIL], EVIL, "{document}");
}
