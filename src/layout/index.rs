//! `index.json`: the entries of a layout and their names. Pure; members that we do not know stay as they are.

use serde_json::{Map, Value, json};

use crate::spec::{Descriptor, MediaType, Tag};

/// The annotation that names an entry (image-spec, "Pre-Defined Annotation Keys").
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The document, and its entries as descriptors, one for one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Index {
    document: Map<String, Value>,
    entries: Vec<Descriptor>,
}

impl Default for Index {
    fn default() -> Self {
        let mut document = Map::new();
        document.insert("schemaVersion".into(), 2.into());
        document.insert("mediaType".into(), MediaType::OCI_INDEX.as_str().into());
        document.insert("manifests".into(), json!([]));
        Self { document, entries: Vec::new() }
    }
}

impl Index {
    /// # Errors
    /// Why the bytes are no index, for people.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: Map<String, Value> = serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?;
        if let Some(version) = document.get("schemaVersion").filter(|version| **version != json!(2)) {
            return Err(format!("schemaVersion is {version}, expected 2"));
        }
        let entries = match document.get("manifests") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(entries)) => entries
                .iter()
                .enumerate()
                .map(|(at, entry)| serde_json::from_value(entry.clone()).map_err(|e| format!("manifests[{at}]: {e}")))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err("manifests is no list".into()),
        };
        Ok(Self { document, entries })
    }

    pub(super) fn entries(&self) -> &[Descriptor] {
        &self.entries
    }

    /// The entry of a tag. Its name may be the tag, or a whole reference that ends in it, as crane writes it.
    pub(super) fn tagged(&self, tag: &Tag) -> Option<&Descriptor> {
        let is = |entry: &&Descriptor| name(entry) == Some(tag.as_str());
        let ends_in = |entry: &&Descriptor| name(entry).and_then(tag_of).as_ref() == Some(tag);
        self.entries.iter().find(is).or_else(|| self.entries.iter().find(ends_in))
    }

    /// The tags, in order. Names that are none are left out.
    pub(super) fn tags(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = Vec::new();
        for tag in self.entries.iter().filter_map(name).filter_map(tag_of) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        tags
    }

    /// Enters a manifest. An entry of the same tag gives way to it, and so does one of the same content without a name;
    /// without a tag any entry of the same content will do.
    pub(super) fn enter(&mut self, mut descriptor: Descriptor, tag: Option<&Tag>) {
        if let Some(tag) = tag {
            descriptor.annotations.get_or_insert_default().insert(REF_NAME.into(), tag.to_string());
        } else if self.entries.iter().any(|entry| entry.digest == descriptor.digest) {
            return;
        }
        let gives_way = |entry: &Descriptor| match name(entry) {
            Some(name) => tag.is_some_and(|tag| name == tag.as_str()),
            None => entry.digest == descriptor.digest,
        };
        let stays: Vec<bool> = self.entries.iter().map(|entry| !gives_way(entry)).collect();
        let value = serde_json::to_value(&descriptor).unwrap_or_default();
        let mut values = match self.document.get_mut("manifests").map(Value::take) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        let at = stays.iter().position(|stays| !stays).unwrap_or(stays.len());
        retain(&mut values, &stays);
        retain(&mut self.entries, &stays);
        // Everything before the first that gave way is still there.
        values.insert(at, value);
        self.entries.insert(at, descriptor);
        self.document.insert("manifests".into(), values.into());
        self.document.entry("schemaVersion").or_insert_with(|| 2.into());
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut text = Value::Object(self.document.clone()).to_string();
        text.push('\n');
        text.into_bytes()
    }
}

fn retain<T>(list: &mut Vec<T>, stays: &[bool]) {
    let mut stays = stays.iter();
    list.retain(|_| stays.next().is_none_or(|stays| *stays));
}

fn name(entry: &Descriptor) -> Option<&str> {
    entry.annotations.as_ref()?.get(REF_NAME).map(String::as_str)
}

/// The tag in a name: the name itself, or the end of a whole reference.
fn tag_of(name: &str) -> Option<Tag> {
    let tag = match name.rsplit_once('/') {
        Some((_, last)) => last.split_once(':')?.1,
        None => name,
    };
    tag.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Digest;

    fn entry(n: u8) -> Descriptor {
        Descriptor::new(MediaType::OCI_MANIFEST, Digest::sha256(&[n]), 7)
    }

    fn tag(text: &str) -> Tag {
        text.parse().expect("a tag")
    }

    fn digests(index: &Index) -> Vec<Digest> {
        index.entries().iter().map(|entry| entry.digest).collect()
    }

    #[test]
    fn entries_come_and_give_way() {
        let mut index = Index::default();
        index.enter(entry(1), None);
        index.enter(entry(2), Some(&tag("v1")));
        index.enter(entry(1), None);
        assert_eq!(digests(&index), [entry(1).digest, entry(2).digest]);
        index.enter(entry(1), Some(&tag("v0")));
        assert_eq!(
            (digests(&index), index.tags()),
            (vec![entry(1).digest, entry(2).digest], vec![tag("v0"), tag("v1")])
        );
        index.enter(entry(3), Some(&tag("v0")));
        index.enter(entry(3), Some(&tag("v2")));
        assert_eq!(digests(&index), [entry(3).digest, entry(2).digest, entry(3).digest]);
        assert_eq!(index.tagged(&tag("v0")).map(|entry| entry.digest), Some(entry(3).digest));
        assert_eq!(Index::parse(&index.to_bytes()), Ok(index));
    }

    #[test]
    fn what_others_wrote_stays() {
        let text = format!(
            r#"{{"schemaVersion":2,"x-top":{{"b":1.50,"a":null}},"manifests":[{{"mediaType":"{}","digest":"{}","size":7,"x-own":[1],"annotations":{{"{REF_NAME}":"localhost:5000/a/b:v9","z":"y"}}}}],"annotations":{{"k":"v"}}}}"#,
            MediaType::OCI_MANIFEST,
            entry(1).digest
        );
        let mut index = Index::parse(text.as_bytes()).expect("an index");
        assert_eq!(index.tags(), [tag("v9")]);
        assert!(index.tagged(&tag("v9")).is_some() && index.tagged(&tag("v")).is_none());
        index.enter(entry(2), Some(&tag("v1")));
        let written = String::from_utf8(index.to_bytes()).expect("text");
        for part in [r#""x-top":{"b":1.5,"a":null}"#, r#""x-own":[1]"#, r#""z":"y""#, r#""annotations":{"k":"v"}"#] {
            assert!(written.contains(part), "{part} in {written}");
        }
    }

    #[test]
    fn damage_is_named() {
        for (text, reason) in [
            ("", "not JSON"),
            ("[]", "not JSON"),
            (r#"{"schemaVersion":1}"#, "schemaVersion is 1"),
            (r#"{"manifests":{}}"#, "manifests is no list"),
            (r#"{"manifests":[{"size":1}]}"#, "manifests[0]: missing field"),
        ] {
            let error = Index::parse(text.as_bytes()).expect_err(reason);
            assert!(error.starts_with(reason), "{error}");
        }
        assert_eq!(Index::parse(br#"{"manifests":null}"#).map(|index| index.entries().len()), Ok(0));
    }
}
