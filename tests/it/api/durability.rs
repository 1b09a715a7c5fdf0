//! What was answered 201 is on the disk: shown by the system calls of a push.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::support::server::reg;
use crate::support::{Env, Server, digest, image};

/// The tracer, or nothing where the machine has none; `REG_TEST_PEERS=required` makes that a failure.
fn strace() -> bool {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let required = std::env::var_os("REG_TEST_PEERS").is_some_and(|value| value == "required");
    assert!(found || !required, "strace is required and not installed");
    if !found {
        #[expect(clippy::print_stderr, reason = "what was skipped is said loudly")]
        {
            eprintln!("SKIPPED: strace is not installed, the durability of answers was not traced");
        }
    }
    found
}

/// The calls of the server while `work` was done to it, in order of their ends.
fn traced(env: &Env, work: impl FnOnce(&Server)) -> Vec<String> {
    let trace = env.path("trace");
    let mut command = Command::new("strace");
    let program = reg();
    command
        .args([
            "-f",
            "-y",
            "-s",
            "40",
            "-e",
            "trace=openat,rename,renameat,renameat2,link,linkat,fsync,fdatasync,syncfs,writev,sendto,write",
        ])
        .arg("-o")
        .arg(&trace)
        .arg(program.get_program())
        .args(["serve", "--addr", "127.0.0.1:0", "--root"])
        .arg(env.path("data"))
        .env_clear();
    let server = Server::start_with(&env.path("data"), &mut command);
    work(&server);
    // The tracer passes the signal on and ends with the server.
    let child = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.pid())).expect("children");
    let ended = Command::new("kill").arg(child.trim()).status().expect("kill runs");
    assert!(ended.success());
    drop(server.wait());
    whole_calls(&std::fs::read_to_string(trace).expect("a trace"))
}

/// Calls that another thread interrupted stand in two lines: they are joined where they end, which is what counts.
fn whole_calls(trace: &str) -> Vec<String> {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (process, call) = line.split_once(' ').unwrap_or((line, ""));
        if let Some((start, _)) = call.split_once("<unfinished") {
            begun.insert(process, start);
        } else if let Some((_, end)) = call.split_once("resumed>") {
            calls.push(format!("{}{end}", begun.remove(process).unwrap_or_default()));
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

/// Where in the trace the first call after `from` has all these words.
fn position(trace: &[String], from: usize, words: &[&str]) -> usize {
    trace[from..]
        .iter()
        .position(|line| words.iter().all(|word| line.contains(word)))
        .map(|at| from + at)
        .unwrap_or_else(|| panic!("no {words:?} after line {from} of\n{}", trace.join("\n")))
}

/// That a directory was synced after `from`: on its own, or with all of the file system.
fn synced(trace: &[String], from: usize, directory: &str) {
    let found = trace[from..].iter().any(|line| {
        let ended = line.trim_end().ends_with("= 0");
        ended && (line.contains("syncfs(") || (line.contains("sync(") && line.contains(directory)))
    });
    assert!(found, "{directory} is not synced after line {from} of\n{}", trace.join("\n"));
}

/// Where in the trace the last change of a name is that has this in its line.
fn named(trace: &[String], word: &str) -> usize {
    let is_name = |line: &String| (line.contains("rename") || line.contains("link")) && line.contains(word);
    trace.iter().rposition(is_name).unwrap_or_else(|| panic!("{word} never got its name:\n{}", trace.join("\n")))
}

#[test]
fn a_blob_is_on_the_disk_before_it_is_answered() {
    if !strace() {
        return;
    }
    let env = Env::without_server();
    let bytes = b"some bytes that must stay";
    let trace = traced(&env, |server| {
        let target = format!("/v2/a/blobs/uploads/?digest={}", digest(bytes));
        assert_eq!(server.client().send("POST", &target, &[], bytes).status, 201);
    });
    let hex = &digest(bytes)[7..];
    let answer = position(&trace, 0, &["201 Created"]);
    let before = &trace[..answer];
    let directory = format!("blobs/sha256/{}/{hex}", &hex[..2]);
    let moved = named(before, &directory);
    let data = before[..moved].iter().any(|line| line.contains("sync(") || line.contains("syncfs("));
    assert!(data, "the data is synced before it gets its name:\n{}", trace.join("\n"));
    synced(before, moved, &format!("{directory}>"));
    let link = format!("_layers/sha256/{hex}");
    synced(before, named(before, &link), &format!("{link}>"));
}

#[test]
fn a_tag_is_on_the_disk_before_it_is_answered() {
    if !strace() {
        return;
    }
    let env = Env::without_server();
    let trace = traced(&env, |server| {
        image(1).push(&mut server.client(), "a:v1");
    });
    let asked = trace.len() - 1 - trace.iter().rev().position(|line| line.contains("201 Created")).expect("answers");
    let before = &trace[..asked];
    for directory in ["_manifests/tags/v1/current", &format!("_manifests/revisions/sha256/{}", &image(1).digest()[7..])]
    {
        synced(before, named(before, directory), &format!("{directory}>"));
    }
}
