//! regctl against `reg serve`: copies, listings, tag deletion, and artifacts with subjects over the referrers API.

use tempfile::TempDir;

use crate::support::image::{Flavour, artifact, image, index};
use crate::support::process::Tool;
use crate::support::programs::{available, require};
use crate::support::registry::{Server, subject};

struct Regctl {
    tool: Tool,
    home: TempDir,
}

impl Regctl {
    fn new(program: std::path::PathBuf, servers: &[&Server]) -> Self {
        let home = TempDir::new().expect("a home");
        let path = |name: &str| home.path().join(name).to_string_lossy().into_owned();
        let tool = Tool::new(program).env("HOME", &path("")).env("REGCTL_CONFIG", &path("regctl.json"));
        let tool = tool.env("DOCKER_CONFIG", &path("docker"));
        for server in servers {
            tool.run(&["registry", "set", "--tls", "disabled", "--skip-check", &server.address.to_string()]).ok();
        }
        Self { tool, home }
    }

    fn ok(&self, arguments: &[&str]) -> String {
        self.tool.run(arguments).ok()
    }

    /// A file with this text, to make artifacts of.
    fn file(&self, text: &str) -> String {
        let path = self.home.path().join("payload");
        std::fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    }
}

#[test]
fn images_are_copied_listed_and_read() {
    let program = require!("regctl");
    let (server, other) = (available!(Server::start(subject())), available!(Server::start(subject())));
    let regctl = Regctl::new(program, &[&server, &other]);
    let graph = index(Flavour::Oci, 1);
    server.api().push("team/app", "v1", &graph);
    server.api().push("team/app", "v2", &image(Flavour::Docker, 2));

    regctl.ok(&["image", "copy", &server.name("team/app:v1"), &other.name("mirror/app:v1")]);

    other.api().verify("mirror/app", "v1", &graph);
    assert_eq!(regctl.ok(&["tag", "ls", &server.name("team/app")]), "v1\nv2");
    assert_eq!(regctl.ok(&["repo", "ls", &other.address.to_string()]), "mirror/app");
    assert_eq!(regctl.ok(&["image", "digest", &other.name("mirror/app:v1")]), graph.digest());
    let body = regctl.ok(&["manifest", "get", "--format", "raw-body", &other.name("mirror/app:v1")]);
    assert_eq!(body.as_bytes(), graph.top().bytes);
}

#[test]
fn an_image_goes_to_a_tar_and_back() {
    let program = require!("regctl");
    let server = available!(Server::start(subject()));
    let regctl = Regctl::new(program, &[&server]);
    let graph = index(Flavour::Oci, 5);
    server.api().push("team/tar", "v1", &graph);
    let tar = regctl.home.path().join("image.tar").to_string_lossy().into_owned();

    regctl.ok(&["image", "export", &server.name("team/tar:v1"), &tar]);
    regctl.ok(&["image", "import", &server.name("team/imported:v1"), &tar]);

    server.api().verify("team/imported", "v1", &graph);
}

#[test]
fn deleting_a_tag_keeps_its_sibling_and_deleting_a_manifest_takes_both() {
    let program = require!("regctl");
    let server = available!(Server::start(subject()));
    let regctl = Regctl::new(program, &[&server]);
    let graph = image(Flavour::Oci, 10);
    for tag in ["v1", "v2", "v3"] {
        server.api().push("team/untag", tag, &graph);
    }

    regctl.ok(&["tag", "rm", &server.name("team/untag:v1")]);
    assert_eq!(server.api().tags("team/untag"), ["v2", "v3"]);
    server.api().verify("team/untag", "v2", &graph);

    regctl.ok(&["manifest", "rm", "--force-tag-dereference", &server.name("team/untag:v2")]);
    assert_eq!(server.api().tags("team/untag"), Vec::<String>::new());
    assert_eq!(server.api().digest("team/untag", graph.digest()), None);
}

#[test]
fn artifacts_refer_to_their_subject() {
    let program = require!("regctl");
    let server = available!(Server::start(subject()));
    let regctl = Regctl::new(program, &[&server]);
    let graph = image(Flavour::Oci, 20);
    server.api().push("team/signed", "v1", &graph);
    let name = server.name("team/signed:v1");

    let file = regctl.file("a bill of materials");
    for (kind, who) in [("application/sbom", "first"), ("application/signature", "second")] {
        let annotation = format!("who={who}");
        let put = ["artifact", "put", "--artifact-type", kind, "--annotation", &annotation, "--subject", &name];
        regctl.ok(&[&put[..], &["--file", &file, "--file-media-type", "text/plain"]].concat());
    }

    let digests = server.api().referrers("team/signed", graph.digest());
    assert_eq!(digests.len(), 2, "{digests:?}");
    let listed =
        regctl.ok(&["artifact", "list", "--format", "{{range .Descriptors}}{{println .Digest}}{{end}}", &name]);
    let mut listed: Vec<&str> = listed.split_whitespace().collect();
    let mut expected: Vec<&str> = digests.iter().map(String::as_str).collect();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    let one = ["artifact", "get", "--subject", &name, "--filter-artifact-type", "application/sbom"];
    assert_eq!(regctl.ok(&one), "a bill of materials");
    // A registry with the referrers API needs no fallback tag.
    assert_eq!(server.api().tags("team/signed"), ["v1"]);
}

#[test]
fn a_copy_takes_the_referrers_along() {
    let program = require!("regctl");
    let (server, other) = (available!(Server::start(subject())), available!(Server::start(subject())));
    let regctl = Regctl::new(program, &[&server, &other]);
    let graph = image(Flavour::Oci, 30);
    server.api().push("team/with", "v1", &graph);
    let signature = artifact(graph.top(), "application/signature", 31);
    server.api().push("team/with", signature.digest(), &signature);

    regctl.ok(&["image", "copy", "--referrers", &server.name("team/with:v1"), &other.name("team/with:v1")]);

    other.api().verify("team/with", "v1", &graph);
    assert_eq!(other.api().referrers("team/with", graph.digest()), [signature.digest()]);
    other.api().verify("team/with", signature.digest(), &signature);
}

#[test]
fn a_deleted_artifact_is_no_longer_listed() {
    let program = require!("regctl");
    let server = available!(Server::start(subject()));
    let regctl = Regctl::new(program, &[&server]);
    let graph = image(Flavour::Oci, 40);
    server.api().push("team/gone", "v1", &graph);
    let (first, second) = (artifact(graph.top(), "application/x", 41), artifact(graph.top(), "application/x", 42));
    for one in [&first, &second] {
        server.api().push("team/gone", one.digest(), one);
    }

    regctl.ok(&["manifest", "rm", &server.name(&format!("team/gone@{}", first.digest()))]);

    assert_eq!(server.api().referrers("team/gone", graph.digest()), [second.digest()]);
    server.api().verify("team/gone", "v1", &graph);
}
