//! `registry`'s command line, told to registry 2.8.2, to registry 3.1.2 and to ours under that name: how each ends, and on
//! which stream it answers.

use std::fmt;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use regex::Regex;
use tempfile::TempDir;

use crate::support::process::{Finished, Tool};
use crate::support::programs::require;

/// Each line, with the value of `REGISTRY_CONFIGURATION_PATH` before it where there is one. `$D` is a directory with a
/// `good.yml`, with some that are not, and without a `none.yml`.
const LINES: &[&str] = &[
    "",
    "--version",
    "-v",
    "help",
    "--help",
    "-h",
    "help serve",
    "help garbage-collect",
    "help completion",
    "help help",
    "help nothing",
    "serve --help",
    "serve -h",
    "garbage-collect --help",
    "completion",
    "completion bash",
    "completion zsh",
    "completion fish",
    "completion nothing",
    "nothing",
    "version",
    "--nothing",
    "-x",
    "--version serve $D/none.yml",
    "serve",
    "serve $D/none.yml",
    "serve $D",
    "serve $D/bad.yml",
    "serve $D/empty.yml",
    "serve $D/version.yml",
    "serve $D/storage.yml",
    "serve $D/two.yml",
    "serve $D/nowhere.yml",
    "serve $D/none.yml more",
    "serve --nothing",
    "serve --nothing $D/good.yml",
    "serve -x $D/good.yml",
    "serve $D/good.yml --version",
    "garbage-collect",
    "garbage-collect $D/good.yml",
    "garbage-collect $D/good.yml more",
    "garbage-collect $D/none.yml",
    "garbage-collect $D/bad.yml",
    "garbage-collect $D/empty.yml",
    "garbage-collect -d",
    "garbage-collect -d $D/good.yml",
    "garbage-collect $D/good.yml -d",
    "garbage-collect -d $D/none.yml",
    "garbage-collect --dry-run $D/good.yml",
    "garbage-collect --dry-run=true $D/good.yml",
    "garbage-collect --dry-run=F $D/good.yml",
    "garbage-collect --dry-run=perhaps $D/good.yml",
    "garbage-collect -m",
    "garbage-collect -m $D/good.yml",
    "garbage-collect -m $D/none.yml",
    "garbage-collect -dm $D/good.yml",
    "garbage-collect --delete-untagged $D/good.yml",
    "garbage-collect --delete-untagged=false $D/good.yml",
    "garbage-collect -q",
    "garbage-collect -q $D/good.yml",
    "garbage-collect -q $D/none.yml",
    "garbage-collect --quiet $D/good.yml",
    "garbage-collect -x $D/good.yml",
    "garbage-collect --nothing $D/good.yml",
    "$D/none.yml serve",
    "$D/bad.yml serve",
    "$D/good.yml serve $D/none.yml",
    "$D/nowhere.yml serve",
    "$D/none.yml garbage-collect",
    "$D/good.yml garbage-collect",
    "$D/good.yml garbage-collect $D/none.yml",
    "$D/good.yml garbage-collect -d",
    "$D/none.yml help",
];

/// Lines in which we end otherwise than some of them, on purpose: expressions over the whole line, and over the name of who
/// differs.
const INTENDED: &[(&str, &str, &str)] = &[
    (
        "(serve |garbage-collect )?(--nothing|-x|--dry-run=perhaps)( .*)?|nothing|version|help nothing|completion nothing|serve .* --version",
        ".*",
        "a script that mistypes must not go on as if all were well; they end with 0",
    ),
    ("--version serve .*", ".*", "the version is asked for, and flags may stand before the command"),
    (
        "garbage-collect (-q|--quiet)( .*)?",
        "2.8.2",
        "registry 2 has no quiet collection, and ends with 0 where it is asked for",
    ),
    (
        "(\\$D/good.yml )?garbage-collect (.* )?\\$D/good.yml( more| -d)?|\\$D/good.yml garbage-collect( -d)?",
        ".*",
        "the bytes that were freed are said on standard error, so that the lines on the other stream stay theirs",
    ),
];

/// What scripts see of a command.
#[derive(PartialEq, Eq)]
struct Sight {
    code: i32,
    stdout: bool,
    stderr: bool,
    /// The kind of the complaint, or all of it where it is about the line.
    complaint: String,
}

impl Sight {
    fn of(finished: &Finished) -> Self {
        let first = finished.stderr.lines().next().unwrap_or_default();
        let complaint = match first.split_once(": ") {
            Some((kind @ "configuration error", _)) => kind,
            Some(("Error", _)) => first,
            _ => "",
        };
        let (stdout, stderr) = (!finished.stdout.is_empty(), !finished.stderr.is_empty());
        Self { code: finished.code, stdout, stderr, complaint: complaint.to_owned() }
    }
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |there| if there { "something" } else { "nothing" };
        let Self { code, stdout, stderr, complaint } = self;
        write!(f, "{code}, stdout {}, stderr {} {complaint}", word(*stdout), word(*stderr))
    }
}

fn write_files(directory: &Path) {
    let storage = format!("storage: {{filesystem: {{rootdirectory: '{}/data'}}}}", directory.display());
    for (name, text) in [
        ("good.yml", format!("version: 0.1\n{storage}\nhttp: {{addr: '127.0.0.1:0'}}\n")),
        ("bad.yml", "version: {".to_owned()),
        ("empty.yml", String::new()),
        ("version.yml", format!("version: 0.9\n{storage}\n")),
        ("storage.yml", "version: 0.1\nhttp: {addr: '127.0.0.1:0'}\n".to_owned()),
        ("two.yml", format!("version: 0.1\n{}\n", storage.replace("storage: {", "storage: {inmemory: , "))),
        // No machine has this address (RFC 5737).
        ("nowhere.yml", format!("version: 0.1\n{storage}\nhttp: {{addr: '192.0.2.1:1'}}\n")),
    ] {
        fs::write(directory.join(name), text).expect("a file");
    }
    for name in ["repositories", "blobs"] {
        fs::create_dir_all(directory.join("data/docker/registry/v2").join(name)).expect("a directory");
    }
}

fn tell(program: &Tool, line: &str, directory: &Path) -> Sight {
    let line = line.replace("$D", &directory.to_string_lossy());
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let mut tool = program.clone().env("OTEL_TRACES_EXPORTER", "none");
    if words.first().is_some_and(|word| word.ends_with(".yml")) {
        tool = tool.env("REGISTRY_CONFIGURATION_PATH", words.remove(0));
    }
    Sight::of(&tool.run(&words))
}

#[test]
fn registrys_command_lines_end_as_there() {
    let theirs = [("2.8.2", require!("docker-registry")), ("3.1.2", require!("registry"))];
    let directory = TempDir::new().expect("a directory");
    let directory = directory.path();
    write_files(directory);
    symlink(env!("CARGO_BIN_EXE_reg"), directory.join("registry")).expect("a link");
    let ours = Tool::new(directory.join("registry"));
    let whole = |pattern: &str| Regex::new(&format!("^(?:{pattern})$")).expect("an expression");
    let intended: Vec<_> = INTENDED.iter().map(|(lines, who, _)| (whole(lines), whole(who))).collect();
    let mut used = vec![false; intended.len()];
    let mut faults = Vec::new();
    for line in LINES {
        let sight = tell(&ours, line, directory);
        for (who, program) in &theirs {
            let their = tell(&Tool::new(program.clone()), line, directory);
            if their == sight {
                continue;
            }
            match intended.iter().position(|(lines, names)| lines.is_match(line) && names.is_match(who)) {
                Some(at) => used[at] = true,
                None => faults.push(format!("registry {line}\n  {who}: {their}\n  reg: {sight}")),
            }
        }
    }
    let idle = INTENDED.iter().zip(&used).filter(|(_, used)| !**used);
    faults.extend(idle.map(|((lines, ..), _)| format!("nothing differs any more in {lines}")));
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
