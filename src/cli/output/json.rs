//! The JSON document that every list is: schema, what it is about, items, errors.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Document;
use crate::cli::failure::{Failure, Kind};
use crate::spec::inert;

/// One item on one line.
pub(crate) fn line(item: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(item).map_err(unserializable)?;
    Ok(inert(&text))
}

/// The whole document.
pub(crate) fn document<T: Serialize>(
    head: &Document,
    items: &[T],
    errors: &[Value],
    summary: Option<Value>,
) -> Result<String, Failure> {
    let mut members = Map::new();
    members.insert("schema".into(), head.schema.into());
    members.insert("registry".into(), head.registry.clone().into());
    members.insert("repository".into(), head.repository.clone().into());
    members.insert("items".into(), serde_json::to_value(items).map_err(unserializable)?);
    members.insert("errors".into(), errors.into());
    if let Some(summary) = summary {
        members.insert("summary".into(), summary);
    }
    let text = serde_json::to_string_pretty(&members).map_err(unserializable)?;
    Ok(inert(&text))
}

/// A document of another form.
pub(crate) fn value(document: &Value) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document).map_err(unserializable)?;
    Ok(inert(&text))
}

/// The same document and a line end, without what a terminal would obey.
fn inert(text: &str) -> String {
    format!("{}\n", inert::json(text))
}

/// An entry of `errors`.
pub(crate) fn error(reference: &str, failure: &Failure) -> Value {
    let kind = failure.kind();
    json!({ "reference": reference, "exit": kind.exit_code(), "reason": kind.reason(), "message": failure.line() })
}

fn unserializable(error: serde_json::Error) -> Failure {
    Failure::new(Kind::Failed, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_their_members_in_order() {
        let head = Document { schema: "reg.tags/v1", registry: Some("r".into()), repository: None };
        let failure = Failure::message(Kind::Denied, "no");
        let errors = [error("r/x", &failure)];
        let text = document(&head, &[1], &errors, Some(json!({"n": 1}))).expect("serializes");
        let flat: String = text.split_whitespace().collect();
        assert_eq!(
            flat,
            r#"{"schema":"reg.tags/v1","registry":"r","repository":null,"items":[1],"errors":[{"reference":"r/x","exit":4,"reason":"denied","message":"no"}],"summary":{"n":1}}"#
        );
        assert_eq!(
            line(&json!("\u{9b}31m \u{202e}\u{7f} é\t")).expect("serializes"),
            "\"\\u009b31m \\u202e\\u007f é\\t\"\n"
        );
        assert_eq!(line(&json!({"a": "b\n"})).expect("serializes"), "{\"a\":\"b\\n\"}\n");
    }
}
