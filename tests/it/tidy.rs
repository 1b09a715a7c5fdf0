//! The rules of the house, run as tests: layers, the one place for each thing, files of one subject.
//!
//! Reads the sources as text. What a rule is for stands in ARCHITECTURE.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Which modules a layer may name. `sim` is test code over everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("spec", &["spec"]),
    ("sys", &["sys", "spec"]),
    ("content", &["content", "spec"]),
    ("gc", &["gc", "spec"]),
    ("client", &["client", "spec", "sys", "content"]),
    ("layout", &["layout", "spec", "sys", "content"]),
    ("store", &["store", "spec", "sys"]),
    ("registry", &["registry", "spec", "sys", "store", "gc"]),
    ("server", &["server", "spec", "sys", "store", "registry"]),
];

/// What may stand in one place only: an expression, the files where it may, and what to use elsewhere.
const ONE_PLACE: &[(&str, &[&str], &str)] = &[
    (r"\b(e?print(ln)?!|io::stdout\(|io::stderr\()", &["src/cli/output"], "cli::output writes to the terminal"),
    (r#""[^"]*/v2/"#, &["src/spec/route.rs"], "spec::Route spells URLs"),
    (
        r#""[^"]*(docker/registry|_manifests/|_layers/|_uploads/|_referrers/)"#,
        &["src/store/keys.rs"],
        "store::Key joins storage keys",
    ),
    (r"\breqwest::", &["src/client/", "src/server/outbound.rs"], "client sends requests, and server::outbound"),
    (
        r"RequestBuilder|\.send\(\)\.await",
        &["src/client/transport", "src/server/outbound.rs"],
        "client::transport sends, and server::outbound",
    ),
    (r"(Timestamp|SystemTime|Zoned)::now\(", &["src/sys.rs"], "sys::Clock tells the time"),
    (r"getrandom::|thread_rng|rand::", &["src/sys.rs"], "sys makes random bytes"),
    (r"env::(var|vars|var_os|vars_os)\b", &["src/cli/", "src/server/config"], "the environment is data below cli"),
    (r"process::exit|ExitCode::from", &["src/cli/failure.rs"], "cli::failure assigns exit codes"),
    (r"ErrorBody::new", &["src/server/error.rs", "src/spec/error_code.rs"], "server::error builds error answers"),
    (r"\b(TODO|FIXME|XXX|todo!|unimplemented!|dbg!)", &[], "finish it, or open an issue"),
    (r"#!?\[allow\(", &[], "#[expect(…, reason = …)] goes away when it is no longer needed"),
    (r"\bunsafe\b", &["src/server/mapping.rs"], "unsafe has one audited module"),
    (r"#\[ignore", &[], "a test that does not run is none"),
];

/// Layers without I/O: what must not be named in them.
const IMPURE: &str = r"\basync\b|\.await|std::fs|std::env|std::process|TcpStream|tokio|std::time|std::thread";

/// Longest source file. One subject seldom needs more.
const LINES_MAX: usize = 400;

/// Longest file of tests: a table of cases is one subject.
const TEST_LINES_MAX: usize = 600;

struct Source {
    /// Relative to the root of the package, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// Code that is only there under `cargo test`.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.starts_with("src/sim/")
            || self.path.ends_with("_tests.rs")
            || ["/tests.rs", "/suite.rs", "/faulty.rs", "/testing.rs"].iter().any(|name| self.path.ends_with(name))
            || self.path.contains("_tests/")
    }

    /// Lines of code with their numbers: no comment lines, nothing behind the inline test module.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| *line != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(at, line)| (at + 1, line))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(directory: &Path, into: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).expect("directory").map(|entry| entry.expect("entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            into.push(Source { path: relative, text: fs::read_to_string(&path).expect("readable") });
        }
    }
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let mut all = Vec::new();
    for folder in folders.iter().map(|folder| root().join(folder)).filter(|folder| folder.is_dir()) {
        collect(&folder, &mut all);
    }
    assert!(all.len() > 10, "the sources were not found");
    all
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The module below `crate` that a file belongs to.
fn layer_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    Some(inside.split(['/', '.']).next().unwrap_or(inside))
}

#[test]
fn imports_point_downward() {
    let layers: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    let named = Regex::new(r"\bcrate::(?:\{[^}]*\}|(\w+))").expect("valid");
    let word = Regex::new(r"\b([a-z_]+)(?:::|,|\})").expect("valid");
    let mut faults = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| !source.is_test()) {
        let Some(allowed) = layer_of(&source.path).and_then(|layer| layers.get(layer)) else { continue };
        for (line, text) in source.code() {
            for found in named.captures_iter(text) {
                let modules: Vec<&str> = match found.get(1) {
                    Some(one) => vec![one.as_str()],
                    None => word.captures_iter(&found[0]).filter_map(|m| m.get(1)).map(|m| m.as_str()).collect(),
                };
                for module in modules.iter().filter(|module| !allowed.contains(module)) {
                    faults.push(format!("{}:{line}: may not name crate::{module}", source.path));
                }
            }
        }
    }
    none(&faults);
}

#[test]
fn each_thing_has_its_one_place() {
    let mut faults = Vec::new();
    let all = sources(&["src"]);
    for (expression, places, instead) in ONE_PLACE {
        let expression = Regex::new(expression).expect("valid");
        for source in all.iter().filter(|source| !source.is_test()) {
            if places.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            for (line, text) in source.code().filter(|(_, text)| expression.is_match(text)) {
                faults.push(format!("{}:{line}: {instead}: {}", source.path, text.trim()));
            }
        }
    }
    none(&faults);
}

#[test]
fn the_vocabulary_and_the_planner_are_pure() {
    let impure = Regex::new(IMPURE).expect("valid");
    let mut faults = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| !source.is_test()) {
        if !matches!(layer_of(&source.path), Some("spec" | "gc")) {
            continue;
        }
        for (line, text) in source.code().filter(|(_, text)| impure.is_match(text)) {
            faults.push(format!("{}:{line}: no I/O here: {}", source.path, text.trim()));
        }
    }
    none(&faults);
}

#[test]
fn a_file_has_one_subject_and_says_which() {
    let mut faults = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        if !source.text.starts_with("//!") {
            faults.push(format!("{}: does not begin with what it is for (`//!`)", source.path));
        }
        let lines = source.text.lines().count();
        if lines > if source.is_test() { TEST_LINES_MAX } else { LINES_MAX } {
            faults.push(format!("{}: {lines} lines; more than one subject?", source.path));
        }
        if source.text.lines().any(|line| line.ends_with([' ', '\t'])) {
            faults.push(format!("{}: trailing space", source.path));
        }
    }
    none(&faults);
}

#[test]
fn tests_wait_for_events() {
    let nap = Regex::new(r"thread::sleep|time::sleep|#\[ignore").expect("valid");
    let mut faults = Vec::new();
    for source in sources(&["src", "tests"]).iter().filter(|source| source.is_test()) {
        if source.path == "tests/it/tidy.rs" {
            continue;
        }
        for (at, text) in source.text.lines().enumerate().filter(|(_, text)| nap.is_match(text)) {
            if !text.contains("// poll:") {
                faults.push(format!("{}:{}: await an event (or say `// poll:` of what): {text}", source.path, at + 1));
            }
        }
    }
    none(&faults);
}

#[test]
fn every_file_is_compiled() {
    let mut faults = Vec::new();
    let all = sources(&["src", "tests"]);
    for source in &all {
        let path = Path::new(&source.path);
        let stem = path.file_stem().expect("a name").to_string_lossy();
        if matches!(&*stem, "main" | "lib") {
            continue;
        }
        let (folder, name) = if stem == "mod" {
            let folder = path.parent().expect("a folder");
            (folder.parent().expect("a parent"), folder.file_name().expect("a name").to_string_lossy())
        } else {
            (path.parent().expect("a folder"), stem)
        };
        let parents = ["main.rs", "lib.rs", "mod.rs"].map(|parent| folder.join(parent));
        let parents = [folder.with_extension("rs")].into_iter().chain(parents);
        let by_name = parents.filter_map(|parent| fs::read_to_string(root().join(parent)).ok()).any(|text| {
            text.lines().any(|line| line.trim_end().ends_with(&format!("mod {name};")) && !line.starts_with("//"))
        });
        let attribute = format!("#[path = \"{name}.rs\"]");
        let is_beside = |other: &Source| Path::new(&other.path).parent() == Some(folder);
        if !by_name && !all.iter().any(|other| is_beside(other) && other.text.contains(&attribute)) {
            faults.push(format!("{}: no `mod {name};` in {}", source.path, folder.display()));
        }
    }
    none(&faults);
}
