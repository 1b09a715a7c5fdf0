//! The command line under test, with a home of its own: no credentials, no configuration, no terminal.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::process::{Finished, Tool};

pub(crate) struct Reg {
    tool: Tool,
    pub(crate) home: TempDir,
}

impl Reg {
    pub(crate) fn new() -> Self {
        let home = TempDir::new().expect("a home");
        let path = home.path().to_string_lossy().into_owned();
        let mut tool = Tool::new(PathBuf::from(env!("CARGO_BIN_EXE_reg"))).env("HOME", &path).env("NO_COLOR", "1");
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            tool = tool.env(name, &format!("{path}/{name}"));
        }
        tool = tool.env("DOCKER_CONFIG", &format!("{path}/docker"));
        Self { tool, home }
    }

    /// As after `docker login`: `NAME:PASSWORD` for a host.
    pub(crate) fn knows(&self, user: &str, host: &str) {
        let auth = data_encoding::BASE64.encode(user.as_bytes());
        let document = serde_json::json!({"auths": {host: {"auth": auth}}});
        let folder = self.home.path().join("docker");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("config.json"), document.to_string()).expect("credentials");
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.tool.run(arguments)
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).ok()
    }

    /// The JSON document of a command that must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// One member of every item of a listing.
    pub(crate) fn items(&self, arguments: &[&str], member: &str) -> Vec<String> {
        let json = self.json(arguments);
        let items = json["items"].as_array().unwrap_or_else(|| panic!("no items: {json}"));
        let mut values: Vec<String> =
            items.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect();
        values.sort();
        values
    }
}
