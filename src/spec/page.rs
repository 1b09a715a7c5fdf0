//! Paging: `n`, `last` and the `Link` header (distribution-spec, "Listing Tags"; RFC 8288).

/// Which part of a sorted list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Most entries in the answer.
    pub(crate) n: Option<usize>,
    /// The answer begins after this entry.
    pub(crate) last: Option<String>,
}

/// Writes the header value that points to the next page; `target` is a URL or an absolute path.
pub(crate) fn next_link(target: &str) -> String {
    format!("<{target}>; rel=\"next\"")
}

/// The target of the link with `rel="next"` among the links of a header value.
///
/// Takes what registries send: several links, unquoted `rel`, several relations in one, any case, parameters in any order.
pub(crate) fn parse_next_link(value: &str) -> Option<&str> {
    let mut rest = value;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let (parameters, next) = split_link(after);
        let is_next = parameters.split(';').any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value
                        .trim()
                        .trim_matches('"')
                        .split_ascii_whitespace()
                        .any(|rel| rel.eq_ignore_ascii_case("next"))
            })
        });
        if is_next {
            return Some(target.trim());
        }
        rest = next;
    }
}

/// Splits behind the parameters of the first link: at the first comma outside of quotes.
fn split_link(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_registries_send() {
        for (value, target) in [
            (r#"</v2/_catalog?last=b&n=2>; rel="next""#, Some("/v2/_catalog?last=b&n=2")),
            (r"<https://r/v2/a/tags/list?last=b>;rel=next", Some("https://r/v2/a/tags/list?last=b")),
            (r#"<a>; rel="prev", <b>; title="x,y"; REL="last next""#, Some("b")),
            (r#"<a>; rel="prev""#, None),
            ("", None),
            ("garbage", None),
            ("<unclosed", None),
        ] {
            assert_eq!(parse_next_link(value), target, "{value}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(target in "[a-z/?=&%0-9]{1,40}") {
            let link = next_link(&target);
            prop_assert_eq!(parse_next_link(&link), Some(target.as_str()));
        }

        #[test]
        fn never_panics(value in "\\PC{0,100}") {
            let _ = parse_next_link(&value);
        }
    }
}
