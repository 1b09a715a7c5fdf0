//! What is known of an upload session between its requests: the parts that are in the bucket, and the bytes that fill none
//! yet. Knows no request.

use std::collections::VecDeque;

use bytes::Bytes;
use object_store::PutPayload;
use serde::{Deserialize, Serialize};

/// What is in the bucket. It is kept as one line of JSON with the bytes of the tail behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// The id of the multipart upload, if one is begun.
    pub(super) upload: Option<String>,
    /// What the server called its parts, in order.
    pub(super) parts: Vec<String>,
    /// Bytes of these parts.
    pub(super) parts_bytes: u64,
    /// Bytes of the object under the key of the session. Nothing is in both parts and it.
    pub(super) base: u64,
}

/// Bytes that no part holds yet.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) chunks: VecDeque<Bytes>,
    pub(super) bytes: usize,
}

impl Tail {
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
    }

    /// Takes up to `max` bytes from the front.
    pub(super) fn take(&mut self, max: usize) -> PutPayload {
        let mut part = Vec::new();
        let mut left = max;
        while let Some(mut chunk) = self.chunks.pop_front() {
            if chunk.len() > left {
                let rest = chunk.split_off(left);
                self.chunks.push_front(rest);
            }
            left -= chunk.len();
            self.bytes -= chunk.len();
            part.push(chunk);
            if left == 0 {
                break;
            }
        }
        part.into_iter().collect()
    }
}

impl State {
    pub(super) fn write(&self, tail: &Tail) -> Result<PutPayload, serde_json::Error> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(std::iter::once(line.into()).chain(tail.chunks.iter().cloned()).collect())
    }

    pub(super) fn read(object: &Bytes) -> Option<(Self, Bytes)> {
        let end = object.iter().position(|&byte| byte == b'\n')?;
        let state: Self = serde_json::from_slice(&object[..end]).ok()?;
        Some((state, object.slice(end + 1..)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_anywhere() {
        let mut tail = Tail::default();
        for chunk in ["abc", "de", "fghij"] {
            tail.push(chunk.into());
        }
        let mut take = |max| Bytes::from(tail.take(max));
        assert_eq!(take(4), "abcd");
        assert_eq!(take(1), "e");
        assert_eq!(take(0), "");
        assert_eq!(take(usize::MAX), "fghij");
        assert_eq!(take(5), "");
        assert_eq!(tail.bytes, 0);
    }

    #[test]
    fn the_state_is_kept_with_the_tail() {
        let state = State { upload: Some("id".into()), parts: vec!["\"e\"".into()], parts_bytes: 5, base: 0 };
        let mut tail = Tail::default();
        tail.push("ta\n".into());
        tail.push("il".into());
        let object = Bytes::from(state.write(&tail).expect("written"));
        let line = r#"{"upload":"id","parts":["\"e\""],"parts_bytes":5,"base":0}"#;
        assert_eq!(object, format!("{line}\nta\nil"));
        assert_eq!(State::read(&object), Some((state, Bytes::from("ta\nil"))));
        for bad in ["", "{}", "{}\n", "\n", "null\n", "{\"upload\":1}\n", &line.replace("base", "bass")] {
            assert_eq!(State::read(&Bytes::copy_from_slice(bad.as_bytes())), None, "{bad:?}");
        }
    }
}
