//! The same requests, byte for byte, to registry 2.8.2 and to us: every answer equal, but for a written list.
//!
//! `differential/requests.rs` is the conversation, `differential/intended.rs` the differences that we want and why. A
//! difference that is not in the list fails, and so does an entry of the list that nothing differs by any more.

mod intended;
mod requests;

use regex::Regex;

use crate::support::api::Api;
use crate::support::http::Answer;
use crate::support::programs::{available, require};
use crate::support::registry::{Kind, Server, subject};
use intended::INTENDED;

/// One answer as lines that can be compared: `status`, `header`s in order of name, `body` or `error`, `message`, `detail`.
struct Heard {
    name: &'static str,
    lines: Vec<String>,
}

impl Heard {
    fn text(&self) -> Vec<&String> {
        self.lines.iter().filter(|line| !line.starts_with("header ") && !line.starts_with("status ")).collect()
    }
}

/// A conversation with one registry.
struct Conversation {
    api: Api,
    heard: Vec<Heard>,
    unstable: Vec<(Regex, &'static str)>,
}

impl Conversation {
    fn new(api: Api) -> Self {
        let unstable = [
            (r"127\.0\.0\.1:\d+", "HOST"),
            (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
            (r"uploads/[^/?\s]{16,}", "uploads/UUID"),
            (r"_state=[^&\s]+", "_state=STATE"),
        ];
        let unstable = unstable.map(|(text, with)| (Regex::new(text).expect("valid"), with)).into();
        Self { api, heard: Vec::new(), unstable }
    }

    fn ask(&mut self, name: &'static str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self.api.request(method, target, headers, body);
        let mut lines = vec![format!("status {}", answer.status)];
        let mut named: Vec<String> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| !matches!(name.as_str(), "date" | "connection"))
            .map(|(name, value)| format!("header {name}: {}", self.steady(value)))
            .collect();
        named.sort();
        lines.append(&mut named);
        lines.extend(self.body(&answer));
        if !answer.whole {
            lines.push("body of another length than announced".to_owned());
        }
        assert!(self.heard.iter().all(|heard| heard.name != name), "two requests are called {name:?}");
        self.heard.push(Heard { name, lines });
        answer
    }

    /// As [`Conversation::ask`] with nothing but a method and a target.
    fn plain(&mut self, name: &'static str, method: &str, target: &str) -> Answer {
        self.ask(name, method, target, &[], b"")
    }

    /// The body as one line; of an error body, a line for what programs read and two for the rest.
    fn body(&self, answer: &Answer) -> Vec<String> {
        let text = self.steady(answer.text().trim_end());
        let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        let Some(errors) = json.as_ref().and_then(|json| json["errors"].as_array()) else {
            return vec![format!("body {text}")];
        };
        let parts = errors.iter().map(|error| {
            ["code", "message", "detail"].map(|part| {
                let name = if part == "code" { "error" } else { part };
                format!("{name} {}", error[part])
            })
        });
        parts.flatten().collect()
    }

    fn steady(&self, text: &str) -> String {
        let steps = self.unstable.iter();
        steps.fold(text.to_owned(), |text, (what, with)| what.replace_all(&text, *with).into_owned())
    }
}

fn conversation_with(kind: Kind) -> Option<Vec<Heard>> {
    let server = Server::start(kind)?;
    let mut conversation = Conversation::new(server.api());
    requests::all(&mut conversation);
    Some(conversation.heard)
}

#[test]
fn answers_are_those_of_registry_2_but_for_a_written_list() {
    let _program = require!("docker-registry");
    let theirs = available!(conversation_with(Kind::Registry2));
    let ours = available!(conversation_with(subject()));
    assert_eq!(theirs.len(), ours.len());

    let table: Vec<(Regex, Regex)> = INTENDED
        .iter()
        .map(|entry| {
            let whole = |text: &str| Regex::new(&format!("^(?s:{text})$")).expect("valid");
            (whole(entry.requests), whole(entry.line))
        })
        .collect();
    let mut used = vec![false; table.len()];
    let mut surprises = Vec::new();
    for (theirs, ours) in theirs.iter().zip(&ours) {
        // Another text has another length.
        let same_text = theirs.text() == ours.text();
        let missing = theirs.lines.iter().filter(|line| !ours.lines.contains(line)).map(|line| format!("2.8.2 {line}"));
        let added = ours.lines.iter().filter(|line| !theirs.lines.contains(line)).map(|line| format!("reg {line}"));
        for line in missing.chain(added).filter(|line| same_text || !line.contains(" header content-length: ")) {
            let mut known = false;
            for (at, (request, expected)) in table.iter().enumerate() {
                if request.is_match(theirs.name) && expected.is_match(&line) {
                    used[at] = true;
                    known = true;
                }
            }
            if !known {
                surprises.push(format!("{}: {line}", theirs.name));
            }
        }
    }
    let idle = INTENDED.iter().zip(&used).filter(|(_, used)| !**used);
    surprises.extend(idle.map(|(entry, _)| format!("not seen any more: {} / {}", entry.requests, entry.line)));
    assert!(surprises.is_empty(), "\n{}\n", surprises.join("\n"));
}

#[test]
fn every_intended_difference_has_a_reason() {
    for entry in INTENDED {
        assert!(entry.reason.len() > 20, "{} / {}: why?", entry.requests, entry.line);
    }
}
