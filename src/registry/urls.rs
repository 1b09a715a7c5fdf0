//! Which addresses a manifest may name for content that is elsewhere (`validation.manifests.urls`).
//!
//! Clients fetch from such an address what this registry does not hold; the rules say where they may be sent.

use regex::Regex;

use super::{Error, Result};
use crate::spec::Manifest;

/// Rules for the `urls` of the descriptors of a manifest. Without any every address is taken; with some it has to be one
/// of HTTP or HTTPS, without a fragment. They hold for what is pushed, and not for what is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct UrlRules {
    /// Where there are some, one has to match.
    pub(crate) allow: Vec<Regex>,
    /// None may match, whatever `allow` says.
    pub(crate) deny: Vec<Regex>,
}

impl PartialEq for UrlRules {
    fn eq(&self, other: &Self) -> bool {
        let same =
            |these: &[Regex], those: &[Regex]| these.iter().map(Regex::as_str).eq(those.iter().map(Regex::as_str));
        same(&self.allow, &other.allow) && same(&self.deny, &other.deny)
    }
}

impl Eq for UrlRules {}

impl UrlRules {
    /// # Errors
    /// [`Error::UrlRefused`] with the first address that a rule is against.
    pub(super) fn check(&self, manifest: &Manifest) -> Result<()> {
        if self.allow.is_empty() && self.deny.is_empty() {
            return Ok(());
        }
        let mut urls = manifest.children().flat_map(|child| child.urls.iter().flatten());
        match urls.find(|url| !self.allows(url)) {
            Some(url) => Err(Error::UrlRefused(url.clone())),
            None => Ok(()),
        }
    }

    fn allows(&self, url: &str) -> bool {
        let matches = |rules: &[Regex]| rules.iter().any(|rule| rule.is_match(url));
        is_plain(url) && (self.allow.is_empty() || matches(&self.allow)) && !matches(&self.deny)
    }
}

/// Whether the text means one place to every reader: blanks at its beginning, say, would lead past a rule with `^`.
fn is_plain(url: &str) -> bool {
    let has_scheme = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    has_scheme && !url.contains(|c: char| c == '#' || c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let rules = |allow: &[&str], deny: &[&str]| {
            let all = |texts: &[&str]| texts.iter().map(|text| Regex::new(text).expect("an expression")).collect();
            UrlRules { allow: all(allow), deny: all(deny) }
        };
        let allow = rules(&["^https://a/", "^https://b/"], &[]);
        let deny = rules(&[], &["evil"]);
        let both = rules(&["^https://"], &["/evil/"]);
        for (rules, url, expected) in [
            (&allow, "https://a/x", true),
            (&allow, "https://b/x", true),
            (&allow, "https://c/https://a/", false),
            (&deny, "http://a/x", true),
            (&deny, "https://evil/x", false),
            (&both, "https://a/x", true),
            (&both, "https://a/evil/x", false),
            (&both, "http://a/x", false),
            (&deny, "ftp://a/x", false),
            (&deny, "HTTPS://a/x", false),
            (&deny, " https://a/x", false),
            (&deny, "https://a/x\n", false),
            (&deny, "https://a/#x", false),
            (&deny, "", false),
        ] {
            assert_eq!(rules.allows(url), expected, "{url:?} {rules:?}");
        }
    }
}
