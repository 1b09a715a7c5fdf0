//! `reg delete`: what it says a garbage collection will free, against what the storage then says.

use serde_json::json;

use crate::support::image::{artifact, index};
use crate::support::{Env, image};

/// Two indexes with an image in common, an image under two tags, one under one, and signatures.
fn env() -> Env {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.push("app:v1.0", &image(1));
    env.push("app:v2", &image(2));
    let multi = index(&[(4, "amd64"), (5, "arm64")]);
    env.push("app:multi", &multi);
    env.push("app:other", &index(&[(5, "arm64"), (6, "amd64")]));
    for (seed, subject) in [(20, &multi), (21, &multi.children[0]), (22, &image(2))] {
        env.push("app", &artifact("application/vnd.example.signature", subject, seed));
    }
    env
}

fn freed(env: &Env, options: &str) -> u64 {
    let document = env.reg(&format!("gc-plan --storage $TMP/registry1 {options} -o json")).json();
    document["summary"]["bytes_freed"].as_u64().expect("a number")
}

/// Deletes, and compares: what the dry run says, what the deletion says, and what is garbage then, without and with -m.
fn check(arguments: &str) -> (u64, u64) {
    let env = env();
    assert_eq!((freed(&env, ""), freed(&env, "--untagged")), (0, 0));
    let said = |how: &str| {
        let output = env.reg(&format!("delete {arguments} -o json {how}"));
        let summary = &output.json()["summary"];
        (summary["bytes_freed"].clone(), summary["bytes_freed_with_untagged"].clone(), output)
    };
    let (plain, more, output) = said("--dry-run");
    said("--yes").2.ok();
    let found = (freed(&env, ""), freed(&env, "--untagged"));
    assert_eq!((plain, more), (json!(found.0), json!(found.1)), "{output}");
    found
}

#[test]
fn an_index_leaves_its_images_to_a_collection_of_untagged_manifests() {
    let multi = index(&[(4, "amd64"), (5, "arm64")]);
    let (plain, more) = check("$REG/app:multi --manifest");
    assert_eq!(plain, multi.manifest.len() as u64);
    assert!(more > plain + 2000, "{more}");
    check(&format!("$REG/app@{}", multi.digest()));
}

#[test]
fn a_tag_alone_frees_nothing_without_one() {
    let (plain, more) = check("$REG/app:v2");
    assert_eq!(plain, 0);
    assert!(more > 1000, "{more}");
    assert_eq!(check("$REG/app:v1"), (0, 0));
    assert_eq!(check("$REG/app --match ^v1").0, 0);
    assert_eq!(check("$REG/app --all-tags").0, 0);
}

#[test]
fn manifests_by_rule() {
    let (plain, more) = check("$REG/app --manifest --match '^v'");
    assert!(0 < plain && plain < more, "{plain} {more}");
    check("$REG/app --manifest --all-tags");
    check("$REG/app --manifest --match other");
}

#[test]
fn people_read_the_same_numbers() {
    let env = env();
    let text = env.reg("delete --dry-run $REG/app:multi --manifest").stderr;
    let json = env.reg("delete --dry-run $REG/app:multi --manifest -o json").json();
    let (plain, more) = (&json["summary"]["bytes_freed"], &json["summary"]["bytes_freed_with_untagged"]);
    assert!(text.contains(&format!("The registry's garbage collection frees {plain} bytes, one that")), "{text}");
    let more = format!("({more} bytes), unless other repositories share them");
    assert!(text.contains(&more), "{text}");
}

#[test]
fn nobody_knows_what_is_freed_beside_what_cannot_be_read() {
    let mut env = env();
    let hex = image(1).digest().replace("sha256:", "");
    let path = env.path(format!("registry1/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
    std::fs::write(path, b"{\"schemaVersion\":2,").expect("written");
    // It holds the manifest as it was.
    let server = env.take_server().kill_and_restart();
    env.put_server(server);
    let output = env.reg("delete --dry-run $REG/app:v2 -o json");
    let summary = &output.json()["summary"];
    assert_eq!(
        (&summary["bytes_freed"], &summary["bytes_freed_with_untagged"]),
        (&json!(null), &json!(null)),
        "{output}"
    );
    assert!(output.stderr.contains("not everything is known"), "{output}");
}
