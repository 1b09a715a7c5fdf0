//! The examples that run on docker or systemd, as they are: compose, a workflow of GitHub Actions, units.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::certificates::certificates;
use crate::support::examples::{example, put};
use crate::support::packaged::Image;
use crate::support::process::{Tool, free_address};
use crate::support::programs::{available, require};
use crate::support::reg::Reg;
use crate::support::registry::{Kind, Server};

/// A project of compose, which is taken down with the value.
struct Project(Tool);

impl Drop for Project {
    fn drop(&mut self) {
        let _gone = self.0.run(&["down", "--volumes"]);
    }
}

#[test]
fn compose() {
    let compose = require!("docker-compose");
    let image = available!(Image::build());
    let directory = TempDir::new().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("compose.yml"), example("compose/compose.yml")).expect("the example");
    for name in ["certs", "auth", "data"] {
        fs::create_dir(path(name)).expect("a folder");
    }
    let authority = certificates(&path("certs"));
    // alice:secret
    let users = "alice:$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO\n";
    fs::write(path("auth/htpasswd"), users).expect("users");
    for name in ["certs", "certs/domain.crt", "certs/domain.key", "auth", "auth/htpasswd", "data"] {
        chown(path(name), Some(1000), Some(1000)).expect("theirs: needs root");
    }
    let address = free_address();
    let file = path("compose.yml").to_string_lossy().into_owned();
    let project = Project(
        image
            .docker()
            .tool(compose)
            .first(&["--project-name", "regexample", "--file", &file])
            .env("REGISTRY_IMAGE", Image::NAME)
            .env("REGISTRY_PUBLISH", &address.to_string()),
    );
    project.0.run(&["up", "--detach"]).ok();
    let container = project.0.run(&["ps", "--quiet"]).ok();

    let reg = Reg::new();
    let ca = reg.home.path().join("ca.crt");
    fs::write(&ca, authority).expect("an authority");
    let trust = format!("--ca-file={}", ca.display());
    let host = address.to_string();
    reg.ok(&[&trust, "ping", &host, "--wait", "60s"]);
    assert_eq!(reg.run(&[&trust, "catalog", &host]).code, 4, "alice has not logged in");
    reg.knows("alice:secret", &host);
    let name = format!("{host}/composed:v1");
    reg.ok(&[&trust, "copy", concat!("oci:", env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hello:v1"), &name]);
    reg.ok(&[&trust, "delete", &name, "--yes"]);

    // What docker asks every thirty seconds, asked now.
    let template = "{{range .Config.Healthcheck.Test}}{{println .}}{{end}}";
    let check = image.docker().ok(&["inspect", "--format", template, &container]);
    let check: Vec<&str> = check.lines().skip_while(|word| *word == "CMD").filter(|word| !word.is_empty()).collect();
    assert_eq!(check.first(), Some(&"/bin/reg"));
    image.docker().ok(&[&["exec", &container][..], &check].concat());
}

/// The steps of a job, each with its name and what it runs.
fn steps(workflow: &str) -> Vec<(String, String)> {
    let tree: serde_json::Value = serde_saphyr::from_str(workflow).expect("YAML");
    let steps = tree["jobs"]["image"]["steps"].as_array().expect("steps").clone();
    let text = |step: &serde_json::Value, key: &str| step[key].as_str().map(str::to_owned);
    steps.iter().filter_map(|step| Some((text(step, "name")?, text(step, "run")?))).collect()
}

/// Every command of the workflow, with a registry of ours as the service and another one to publish to.
#[test]
fn github_actions() {
    let image = available!(Image::build());
    let service = available!(Server::start(Kind::Reg));
    let public = available!(Server::start(Kind::Reg));
    let docker = image.docker();
    let workflow = example("github-actions/workflow.yml");
    let name = "registry.example.com/tools/reg:latest";
    docker.ok(&["tag", Image::NAME, name]);
    assert!(workflow.contains(&format!("image: {name}")), "the service is that image");

    let home = TempDir::new().expect("a home");
    fs::write(home.path().join("Dockerfile"), "FROM scratch\nCOPY file /file\n").expect("a Dockerfile");
    fs::write(home.path().join("file"), "built").expect("a file");
    let steps = steps(&workflow);
    assert_eq!(steps.len(), 5, "{steps:?}");
    for (step, script) in steps {
        let script = script.replace("localhost:5000", &service.address.to_string());
        let script = script.replace("registry.example.com/team", &format!("{}/team", public.address));
        let script = script.replace("registry.example.com --", &format!("{} --", public.address));
        let path = format!("{}/bin:{}", home.path().display(), std::env::var("PATH").expect("a path"));
        let shell = docker
            .tool(PathBuf::from("bash"))
            .first(&["-e", "-o", "pipefail", "-c", &format!("cd '{}'; {script}", home.path().display())])
            .env("HOME", &home.path().to_string_lossy())
            .env("PATH", &path)
            .env("GITHUB_PATH", &home.path().join("path").to_string_lossy())
            .env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567")
            .env("PASSWORD", "secret")
            .env("REG_REGISTRY", &service.address.to_string());
        let done = shell.run(&[]);
        assert_eq!(done.code, 0, "{step}: {done:?}");
    }
    docker.ok(&["image", "rm", name]);
    let built = service.api().digest("app", "0123456789abcdef0123456789abcdef01234567");
    assert!(built.is_some() && built == public.api().digest("team/app", "latest"));
}

/// Units are right, and leave a service little that it could do.
#[test]
fn units() {
    let analyze = require!("systemd-analyze");
    let directory = TempDir::new().expect("a directory");
    let mut units = Vec::new();
    for name in ["reg.service", "reg.socket"] {
        let text = example(&format!("systemd/{name}"));
        let text = if name == "reg.service" { put(&text, "/usr/bin/reg", env!("CARGO_BIN_EXE_reg")) } else { text };
        fs::write(directory.path().join(name), text).expect("a unit");
        units.push(directory.path().join(name).to_string_lossy().into_owned());
    }
    let tool = Tool::new(analyze).env("SYSTEMD_COLORS", "0");
    let units: Vec<&str> = units.iter().map(String::as_str).collect();
    let verified = tool.run(&[&["verify", "--man=no"][..], &units].concat());
    assert_eq!((verified.code, about(&verified.stderr)), (0, String::new()), "{verified:?}");
    // 15 of 100; an unprotected service has 96.
    let judged = tool.run(&["security", "--offline=true", "--threshold=15", "--no-pager", units[0]]);
    assert_eq!(judged.code, 0, "{judged:?}");
}

/// What is said of our units; the machine has others.
fn about(said: &str) -> String {
    said.lines().filter(|line| line.contains("reg.")).collect()
}
