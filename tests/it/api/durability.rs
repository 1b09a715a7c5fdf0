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
        // Short process ids are filled up with spaces.
        let call = call.trim_start();
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

/// Where in the trace the last name was given, and to what.
fn last_name(trace: &[String]) -> (usize, String) {
    let is_name = |line: &String| line.starts_with("rename") || line.starts_with("link");
    let at = trace.iter().rposition(is_name).unwrap_or_else(|| panic!("no name was given:\n{}", trace.join("\n")));
    let target = trace[at].rsplit('"').nth(1).expect("two names");
    (at, target.to_owned())
}

/// That the last name that was given is durable: its directory was synced since, or all of the file system. Those before
/// it are durable with it where a journal keeps their order; elsewhere each has its own sync (the driver's tests show it).
fn is_durable(trace: &[String]) {
    let (at, target) = last_name(trace);
    let directory = format!("{}>", target.rsplit_once('/').expect("a path").0);
    let found = trace[at..].iter().any(|line| {
        line.trim_end().ends_with("= 0")
            && (line.starts_with("syncfs(") || (line.starts_with("fsync(") && line.contains(&directory)))
    });
    assert!(found, "{target} is not synced after line {at} of\n{}", trace.join("\n"));
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
    let bytes_named = before
        .iter()
        .position(|line| line.starts_with("rename") && line.contains(&format!("blobs/sha256/{}/{hex}/data", &hex[..2])))
        .expect("the bytes get their name");
    let data = before[..bytes_named].iter().any(|line| line.contains("fdatasync(") || line.starts_with("syncfs("));
    assert!(data, "the data is synced before it gets its name:\n{}", trace.join("\n"));
    let (at, link) = last_name(before);
    assert!(link.ends_with(&format!("_layers/sha256/{hex}/link")) && at > bytes_named, "{link} is last");
    is_durable(before);
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
    let names: Vec<&str> = before
        .iter()
        .filter(|line| line.starts_with("rename") && line.contains("_manifests/"))
        .filter_map(|line| line.rsplit('"').nth(1)?.split("_manifests/").nth(1))
        .collect();
    let hex = &image(1).digest()[7..];
    let revision = format!("revisions/sha256/{hex}/link");
    let history = format!("tags/v1/index/sha256/{hex}/link");
    assert_eq!(names, [revision.as_str(), &history, "tags/v1/current/link"], "in this order");
    is_durable(before);
}
