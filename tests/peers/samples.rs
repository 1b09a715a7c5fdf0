//! The configurations that distribution shows its readers, 2.8's and 3.x's, as they are: each is read to its end, and what is
//! said of it is what the table here explains.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::programs::{available, find_samples};
use crate::support::reg::Reg;

/// What may be warned of, and why that is right.
const EXPLAINED: &[(&str, &str)] = &[
    ("redis has no effect", "what was read is remembered here in memory, validated by one look at the file"),
    ("compatibility.schema1 has no effect", "images of schema 1 are pulled and not pushed any more, as in registry:3"),
    (
        "proxy fetches nothing from its remoteurl here",
        "it takes no pushes and asks nobody else; whoever relies on it has to know",
    ),
    ("storage.s3.usefipsendpoint has no effect", "the endpoint is named by regionendpoint"),
    ("stands there twice", "a sample of distribution's does that, and there, too, the later value counts"),
];

/// What may be wrong, and is for everybody who has not the machine of the sample.
const FAULTS: &[(&str, &str)] = &[
    ("localregistry.", "the certificate and its key are on that machine"),
    ("tokenbundle.pem", "so is the one of the token server"),
];

/// What a message says behind its place: `FILE:1:2: path …`.
fn said(message: &str) -> &str {
    message.split_once(": ").map_or(message, |(_, rest)| rest)
}

fn explained(table: &[(&str, &str)], message: &str) -> bool {
    table.iter().any(|(beginning, _)| message.contains(beginning))
}

/// Everything that is said of a file and that no table explains.
fn unexplained(reg: &Reg, file: &Path) -> Vec<String> {
    let checked = reg.run(&["config", "check", &file.to_string_lossy(), "-o", "json"]);
    let document: Value = serde_json::from_str(&checked.stdout).unwrap_or_else(|error| panic!("{error}: {checked:?}"));
    let messages = |list: &str, member: &str| {
        let list = document[list].as_array().unwrap_or_else(|| panic!("no {list}: {document}"));
        list.iter().map(|one| one[member].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let warnings = messages("warnings", "message").into_iter().filter(|text| !explained(EXPLAINED, said(text)));
    let errors = messages("errors", "message").into_iter().filter(|text| !explained(FAULTS, text));
    let place = file.display();
    warnings.chain(errors).map(|text| format!("{place}: {text}")).collect()
}

#[test]
fn every_sample_of_distribution_is_understood() {
    let folder = available!(find_samples());
    let reg = Reg::new();
    let mut faults = Vec::new();
    for version in ["2.8.3", "3.1.2"] {
        let files = fs::read_dir(folder.join(version)).unwrap_or_else(|error| panic!("samples of {version}: {error}"));
        let files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        assert!(files.len() >= 3, "{version}: {files:?}");
        faults.extend(files.iter().flat_map(|file| unexplained(&reg, file)));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// What the image and the Debian package begin with.
#[test]
fn our_own_configurations_are_right() {
    let _samples = available!(find_samples());
    let reg = Reg::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["packaging/image/config.yml", "packaging/debian/config.yml"] {
        assert_eq!(unexplained(&reg, &root.join(file)), <Vec<String>>::new());
    }
}
