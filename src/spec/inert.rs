//! Text of strangers, where people look at it: in a terminal, in a log.

use std::borrow::Cow;

/// Whether a terminal takes it for an order (to move, to color, to end a line, to turn its direction), or shows nothing
/// where there is something (UAX #9, section 2; UAX #14, class BK). A tab and the end of a line of our own are none.
pub(crate) fn is_obeyed(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A value that is to stand in one line: line ends and tabs are escaped, too, so that it cannot pass for a line, or a
/// column, of ours.
pub(crate) fn one_line(value: &str) -> Cow<'_, str> {
    escaped(value, |c| is_obeyed(c) || matches!(c, '\n' | '\t'))
}

/// A text in which every such character is shown as an escape.
pub(crate) fn escaped(text: &str, is_hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_hidden) {
        return text.into();
    }
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            if is_hidden(c) {
                out.extend(c.escape_default())
            } else {
                out.push(c)
            }
            out
        })
        .into()
}

/// The same document without what a terminal would obey. JSON itself escapes the controls of ASCII alone; the others occur
/// in strings only, where an escape says the same.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 5);
    for c in text.chars() {
        if is_obeyed(c) {
            // All of them are of the basic plane: one escape is enough.
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_line() {
        assert_eq!(one_line("x/y\nDigest\tsha256:0\r\n"), "x/y\\nDigest\\tsha256:0\\r\\n");
        assert_eq!(one_line("a\u{2028}b"), "a\\u{2028}b");
        assert!(matches!(one_line("a b"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_document_says_the_same_and_orders_nothing() {
        for (text, expected) in [
            ("\"\u{9b}31m \u{202e}\u{7f} é\"", "\"\\u009b31m \\u202e\\u007f é\""),
            ("{\n\t\"a\": \"b\\n\"}", "{\n\t\"a\": \"b\\n\"}"),
        ] {
            assert_eq!(json(text), expected);
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            assert_eq!(value(text), value(expected));
        }
    }
}
