//! A volume of 200 images that registry 2.8.2 or 3 wrote: pulled through us, changed and collected by us, and pulled
//! through both again; and our collector beside theirs on copies of one store.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::gc::stored_bytes;
use crate::support::image::{Content, Flavour, Graph, artifact, image_for, index};
use crate::support::process::Tool;
use crate::support::programs::require;
use crate::support::reg::Reg;
use crate::support::registry::{Kind, Server, configuration, filesystem, subject};

/// A graph and where it stands.
struct Pushed {
    repository: String,
    reference: String,
    graph: Graph,
}

fn small(flavour: Flavour, seed: u64) -> Graph {
    image_for(flavour, "amd64", seed, &[900, 300])
}

/// 160 images, and 40 in indexes and lists; five signatures without a tag.
fn assortment() -> Vec<Pushed> {
    let mut all = Vec::new();
    for number in 0..180_u64 {
        let (repository, reference) = (format!("volume/app{}", number % 5), format!("v{number}"));
        let flavour = if number % 2 == 0 { Flavour::Oci } else { Flavour::Docker };
        let graph = if number < 160 { small(flavour, 1000 + number) } else { index(flavour, 2000 + 2 * number) };
        if number < 5 {
            let signature = artifact(graph.top(), "application/x.signature", number);
            let reference = signature.digest().to_owned();
            all.push(Pushed { repository: repository.clone(), reference, graph: signature });
        }
        all.push(Pushed { repository, reference, graph });
    }
    all
}

/// Whether it stands under a tag that ends like this.
fn is_tag(pushed: &Pushed, end: &str) -> bool {
    pushed.reference.strip_prefix('v').is_some_and(|number| number.ends_with(end))
}

fn serve(kind: Kind, directory: &Path) -> Server {
    Server::start_with(kind, directory, &filesystem(&directory.join("data"))).expect("its program was asked for")
}

fn push(server: &Server, pushed: &Pushed) {
    server.api().push(&pushed.repository, &pushed.reference, &pushed.graph);
}

fn verify(server: &Server, all: &[Pushed]) {
    for Pushed { repository, reference, graph } in all {
        server.api().verify(repository, reference, graph);
    }
}

/// Every tag of the volume, copied away by crane.
fn pull_with_crane(program: PathBuf, server: &Server) {
    let home = TempDir::new().expect("a home");
    let path = home.path().to_string_lossy();
    let crane = Tool::new(program).first(&["--insecure"]).env("HOME", &path).env("DOCKER_CONFIG", &path);
    let other = Server::start(subject()).expect("ours");
    for number in 0..5 {
        let repository = format!("volume/app{number}");
        crane.run(&["copy", "--all-tags", &server.name(&repository), &other.name(&repository)]).ok();
        assert_eq!(other.api().tags(&repository), server.api().tags(&repository));
    }
}

/// Our collector on `directory/data`.
fn collect(directory: &Path, flags: &[&str]) -> String {
    let path = configuration(directory, &filesystem(&directory.join("data")), "127.0.0.1:0");
    Reg::new().ok(&[&["garbage-collect"], flags, &[&*path.to_string_lossy()]].concat())
}

fn a_volume_of(writer: Kind) {
    let crane = require!("crane");
    let directory = TempDir::new().expect("a directory");
    let mut all = assortment();
    {
        let theirs = serve(writer, directory.path());
        all.iter().for_each(|pushed| push(&theirs, pushed));
    }
    let (mut gone, mut moved) = (Vec::new(), Vec::new());
    {
        let ours = serve(subject(), directory.path());
        verify(&ours, &all);
        for pushed in all.extract_if(.., |pushed| is_tag(pushed, "7")) {
            ours.api().delete_manifest(&pushed.repository, pushed.graph.digest());
            gone.push((pushed.repository, pushed.graph));
        }
        for pushed in all.iter_mut().filter(|pushed| is_tag(pushed, "11")) {
            let next = small(Flavour::Oci, 5000 + moved.len() as u64);
            moved.push((pushed.repository.clone(), std::mem::replace(&mut pushed.graph, next)));
            push(&ours, pushed);
        }
        let late = Pushed { repository: "late".into(), reference: "v1".into(), graph: index(Flavour::Oci, 6000) };
        push(&ours, &late);
        all.push(late);
    }
    assert!(gone.len() > 10 && !moved.is_empty());
    let before = stored_bytes(directory.path());
    collect(directory.path(), &["-m"]);
    let own = |(_, graph): &(String, Graph)| graph.parts.iter().map(|part| part.bytes.len() as u64).sum::<u64>();
    let freed = before - stored_bytes(directory.path());
    assert_eq!(freed, gone.iter().chain(&moved).map(own).sum::<u64>());
    for reader in [Kind::Registry2, Kind::Registry3, subject()] {
        let server = serve(reader, directory.path());
        verify(&server, &all);
        pull_with_crane(crane.clone(), &server);
        for (repository, graph) in gone.iter().chain(&moved) {
            for part in &graph.parts {
                assert!(!server.api().has_blob(repository, &part.digest), "{reader:?}: {}", part.digest);
            }
        }
    }
    // In what ours left theirs finds no garbage.
    let said = theirs(Kind::Registry3, directory.path(), &["-d"]);
    assert!(said.contains(" 0 blobs and 0 manifests eligible for deletion"), "{said}");
}

#[test]
fn of_registry_2_goes_both_ways() {
    let _programs = (require!("docker-registry"), require!("registry"));
    a_volume_of(Kind::Registry2);
}

#[test]
fn of_registry_3_goes_both_ways() {
    let _programs = (require!("docker-registry"), require!("registry"));
    a_volume_of(Kind::Registry3);
}

/// Their collector on `directory/data`; what it prints.
fn theirs(kind: Kind, directory: &Path, flags: &[&str]) -> String {
    let name = if kind == Kind::Registry2 { "docker-registry" } else { "registry" };
    let program = crate::support::programs::find(name).expect("asked for before");
    let path = configuration(directory, &filesystem(&directory.join("data")), "127.0.0.1:0");
    Tool::new(program).run(&[&["garbage-collect"], flags, &[&*path.to_string_lossy()]].concat()).ok()
}

/// How their collector stands to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frees {
    TheSame,
    /// And breaks what is needed by it.
    TooMuch,
}

/// A store, the flags, and what 2.8.2 and 3 do with it.
struct Case {
    name: &'static str,
    fill: fn(&Server),
    flags: &'static [&'static str],
    theirs: [(Kind, Frees); 2],
}

/// The differences that are meant. One more stands in no table of bytes: 3 leaves the link of a manifest whose bytes went.
const CASES: [Case; 5] = [
    Case {
        name: "deleted images and blobs that nobody holds",
        fill: |server| {
            let (kept, gone) = (small(Flavour::Oci, 1), small(Flavour::Docker, 2));
            server.api().push("app", "kept", &kept);
            server.api().push("app", "gone", &gone);
            server.api().delete_manifest("app", gone.digest());
            server.api().push_blob("other", &Content::new("application/octet-stream", b"orphan".to_vec()));
            server.api().push("other", "kept", &kept);
        },
        flags: &[],
        theirs: [(Kind::Registry2, Frees::TheSame), (Kind::Registry3, Frees::TheSame)],
    },
    Case {
        name: "untagged images",
        fill: |server| {
            for seed in 1..6 {
                server.api().push("app", "latest", &small(Flavour::Oci, seed));
                server.api().push("other", "latest", &small(Flavour::Docker, seed));
            }
        },
        flags: &["-m"],
        theirs: [(Kind::Registry2, Frees::TheSame), (Kind::Registry3, Frees::TheSame)],
    },
    Case {
        name: "untagged indexes, with all that they list",
        fill: |server| {
            server.api().push("app", "latest", &index(Flavour::Oci, 10));
            server.api().push("app", "latest", &small(Flavour::Oci, 20));
        },
        flags: &["-m"],
        theirs: [(Kind::Registry2, Frees::TheSame), (Kind::Registry3, Frees::TheSame)],
    },
    Case {
        name: "the images of tagged indexes",
        fill: |server| {
            server.api().push("app", "oci", &index(Flavour::Oci, 10));
            server.api().push("app", "docker", &index(Flavour::Docker, 20));
        },
        flags: &["-m"],
        theirs: [(Kind::Registry2, Frees::TooMuch), (Kind::Registry3, Frees::TheSame)],
    },
    Case {
        name: "the referrers of tagged images",
        fill: |server| {
            let graph = small(Flavour::Oci, 1);
            server.api().push("app", "v1", &graph);
            let signature = artifact(graph.top(), "application/x.signature", 1);
            server.api().push("app", signature.digest(), &signature);
        },
        flags: &["-m"],
        theirs: [(Kind::Registry2, Frees::TooMuch), (Kind::Registry3, Frees::TooMuch)],
    },
];

#[test]
fn our_collector_frees_what_theirs_frees_where_theirs_is_right() {
    let _programs = (require!("docker-registry"), require!("registry"));
    for case in &CASES {
        let directory = TempDir::new().expect("a directory");
        (case.fill)(&serve(Kind::Registry2, directory.path()));
        let before = stored_bytes(directory.path());
        let copy = || {
            let copy = TempDir::new().expect("a directory");
            let (from, to) = (directory.path().join("data"), copy.path().join("data"));
            Tool::new("cp".into()).run(&["-a", &from.to_string_lossy(), &to.to_string_lossy()]).ok();
            copy
        };
        let ours = copy();
        collect(ours.path(), case.flags);
        let freed = before - stored_bytes(ours.path());
        for (kind, frees) in case.theirs {
            let other = copy();
            theirs(kind, other.path(), case.flags);
            let they_freed = before - stored_bytes(other.path());
            let found = if they_freed == freed { Frees::TheSame } else { Frees::TooMuch };
            assert_eq!(found, frees, "{}: we free {freed}, {kind:?} {they_freed}", case.name);
            assert!(they_freed >= freed, "{}: we free {freed}, {kind:?} {they_freed}", case.name);
        }
    }
}

/// The lines that scripts read: the same sets of digests as in 3.
#[test]
fn the_lines_are_those_of_registry_3() {
    let _programs = (require!("docker-registry"), require!("registry"));
    let directory = TempDir::new().expect("a directory");
    (CASES[1].fill)(&serve(Kind::Registry2, directory.path()));
    let sorted = |text: &str| {
        let mut lines: Vec<String> =
            text.lines().map(|line| line.split('[').next().unwrap_or(line).to_owned()).collect();
        lines.sort();
        lines
    };
    for flags in [&["-d"][..], &["-d", "-m"]] {
        let said = theirs(Kind::Registry3, directory.path(), flags);
        assert_eq!(sorted(&collect(directory.path(), flags)), sorted(&said), "{flags:?}");
    }
    assert_eq!(collect(directory.path(), &["-q", "-d"]), "");
}
