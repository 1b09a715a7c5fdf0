//! Ranges: `Range` of a download (RFC 9110 §14), `Content-Range` and `Range` of an upload (distribution-spec, "Pushing a
//! blob in chunks").

use thiserror::Error;

/// Some bytes of a content: `start` included, `end` not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl ByteRange {
    pub(crate) const fn len(&self) -> u64 {
        self.end - self.start
    }

    /// `bytes 0-9/20` for the `Content-Range` of a 206.
    pub(crate) fn content_range(&self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.end - 1)
    }
}

/// What a `Range` header asks of a content of known size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requested {
    /// No header, an unknown unit, several ranges: answered 200 with everything, as the RFC allows.
    Whole,
    Part(ByteRange),
    /// 416. `bytes=500-0` is one too: the conformance program expects it, though the RFC lets it be ignored.
    Unsatisfiable,
}

/// Reads the `Range` header of a GET for a content of `size` bytes.
pub(crate) fn parse_range(value: &str, size: u64) -> Requested {
    let Some((unit, ranges)) = value.split_once('=') else { return Requested::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Requested::Whole;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else { return Requested::Whole };
    let number = |text: &str| -> Option<u64> {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", suffix) => match number(suffix) {
            None => Requested::Whole,
            Some(0) => Requested::Unsatisfiable,
            Some(_) if size == 0 => Requested::Unsatisfiable,
            Some(len) => Requested::Part(ByteRange { start: size.saturating_sub(len), end: size }),
        },
        (first, last) => {
            let Some(start) = number(first) else { return Requested::Whole };
            let end = match last {
                "" => size,
                last => match number(last) {
                    Some(last) if last < start => return Requested::Unsatisfiable,
                    Some(last) => last.saturating_add(1).min(size),
                    None => return Requested::Whole,
                },
            };
            if start >= size { Requested::Unsatisfiable } else { Requested::Part(ByteRange { start, end }) }
        }
    }
}

/// A `Content-Range` of an upload that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid Content-Range {0:?}: expected <first>-<last>")]
pub(crate) struct ContentRangeError(String);

/// Reads `<first>-<last>` of a chunk; `bytes <first>-<last>/<size or *>`, which some clients send, means the same.
pub(crate) fn parse_content_range(value: &str) -> Result<ByteRange, ContentRangeError> {
    let invalid = || ContentRangeError(value.chars().take(80).collect());
    let text = value.trim();
    let text = text.strip_prefix("bytes").map_or(text, |rest| rest.trim_start_matches([' ', '=']));
    let text = text.split('/').next().unwrap_or_default();
    let (first, last) = text.split_once('-').ok_or_else(invalid)?;
    let number =
        |text: &str| -> Option<u64> { text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten() };
    let (start, last) = number(first).zip(number(last)).ok_or_else(invalid)?;
    let end = last.checked_add(1).filter(|&end| start < end).ok_or_else(invalid)?;
    Ok(ByteRange { start, end })
}

/// `0-<last>` for the `Range` of an upload's answer; an empty upload reads `0-0`, as registry:2 writes it.
pub(crate) fn upload_range(size: u64) -> String {
    format!("0-{}", size.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn downloads() {
        use Requested::{Part, Unsatisfiable, Whole};
        let part = |start, end| Part(ByteRange { start, end });
        for (value, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-", part(2, 10)),
            ("bytes=2-99", part(2, 10)),
            ("bytes=-3", part(7, 10)),
            ("bytes=-99", part(0, 10)),
            ("BYTES = 1 - 2", part(1, 3)),
            ("bytes=0-99999999999999999999999", part(0, 10)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-2", Unsatisfiable),
            ("bytes=500-0", Unsatisfiable),
            ("bytes=0-1,3-4", Whole),
            ("lines=0-1", Whole),
            ("bytes=a-b", Whole),
            ("bytes=--1", Whole),
            ("bytes", Whole),
            ("", Whole),
        ] {
            assert_eq!(parse_range(value, 10), expected, "{value}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Unsatisfiable);
        assert_eq!(parse_range("bytes=-1", 0), Unsatisfiable);
        assert_eq!(ByteRange { start: 2, end: 5 }.content_range(10), "bytes 2-4/10");
    }

    #[test]
    fn uploads() {
        let range = |start, end| Ok(ByteRange { start, end });
        assert_eq!(parse_content_range("0-9"), range(0, 10));
        assert_eq!(parse_content_range("bytes 5-9/*"), range(5, 10));
        for bad in ["", "-", "1", "9-0", "a-b", "-5", "5-", "0-18446744073709551615", "+1-2"] {
            assert!(parse_content_range(bad).is_err(), "{bad}");
        }
        assert_eq!(upload_range(0), "0-0");
        assert_eq!(upload_range(10), "0-9");
    }

    proptest! {
        #[test]
        fn parts_lie_inside(value in "bytes=[0-9]{0,4}-[0-9]{0,4}", size in 0_u64..2000) {
            if let Requested::Part(part) = parse_range(&value, size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }

        #[test]
        fn never_panics(value in "\\PC{0,60}", size in any::<u64>()) {
            let _ = parse_range(&value, size);
            let _ = parse_content_range(&value);
        }
    }
}
