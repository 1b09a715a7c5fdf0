//! Challenges: the `WWW-Authenticate` header, read and written (RFC 9110 §11, RFC 6750, distribution's token protocol).
//!
//! Reads leniently, because registries write freely: any case, several challenges in one header, unknown parameters,
//! unquoted URLs. Writes one exact form, because some clients match it with a regular expression. Decides nothing.

use std::fmt;

use super::scope::Scopes;

/// One challenge: a scheme and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// As written, `Bearer` or `BASIC`; compare with [`Challenge::is`].
    pub(crate) scheme: String,
    /// What some schemes say instead of parameters (`Negotiate TlRM…==`).
    pub(crate) token68: Option<String>,
    /// In order; names in lower case, values unquoted.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Challenge {
    #[cfg(test)]
    /// `Basic realm="…"`
    pub(crate) fn basic(realm: &str) -> Self {
        Self { scheme: "Basic".into(), token68: None, parameters: vec![("realm".into(), realm.into())] }
    }

    /// `Bearer realm="…",service="…",scope="…",error="…"`, in this order, without a scope where none is needed.
    pub(crate) fn bearer(realm: &str, service: &str, scopes: &Scopes, error: Option<&str>) -> Self {
        let mut parameters = vec![("realm".into(), realm.into()), ("service".into(), service.into())];
        if !scopes.is_empty() {
            parameters.push(("scope".into(), scopes.to_string()));
        }
        parameters.extend(error.map(|error| ("error".into(), error.into())));
        Self { scheme: "Bearer".into(), token68: None, parameters }
    }

    /// Whether the scheme is `name`, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(name)
    }

    /// The first value of a parameter that is not empty. `name` in lower case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Every challenge of a header value. What cannot be read is skipped.
    pub(crate) fn parse_all(value: &str) -> Vec<Self> {
        Reader { rest: value }.challenges()
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        if let Some(token68) = &self.token68 {
            return write!(f, " {token68}");
        }
        for (at, (name, value)) in self.parameters.iter().enumerate() {
            f.write_str(if at == 0 { " " } else { "," })?;
            let value = value.replace('\\', r"\\").replace('"', r#"\""#);
            write!(f, r#"{name}="{value}""#)?;
        }
        Ok(())
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn is_token68(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~+/".contains(c)
}

/// A cursor over a header value.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn challenges(mut self) -> Vec<Challenge> {
        let mut found: Vec<Challenge> = Vec::new();
        loop {
            self.take(|c| c.is_whitespace() || c == ',');
            if self.rest.is_empty() {
                return found;
            }
            if let Some(parameter) = self.parameter() {
                // A parameter belongs to the challenge before it; without one it belongs to nobody.
                if let Some(challenge) = found.last_mut().filter(|challenge| challenge.token68.is_none()) {
                    challenge.parameters.push(parameter);
                }
                continue;
            }
            let scheme = self.take(is_token);
            if scheme.is_empty() {
                self.take(|c| c != ',');
                continue;
            }
            let token68 = self.token68();
            found.push(Challenge { scheme: scheme.into(), token68, parameters: Vec::new() });
        }
    }

    /// Takes what satisfies `matches` off the front.
    fn take(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !matches(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// `name = value`, or nothing and no step forward.
    fn parameter(&mut self) -> Option<(String, String)> {
        let mut ahead = Self { rest: self.rest };
        let name = ahead.take(is_token);
        ahead.take(char::is_whitespace);
        let rest = ahead.rest.strip_prefix('=').filter(|_| !name.is_empty())?;
        ahead.rest = rest;
        ahead.take(char::is_whitespace);
        let value = match ahead.rest.strip_prefix('"') {
            Some(quoted) => {
                ahead.rest = quoted;
                ahead.quoted()
            }
            // Grammar allows a token here; registries write bare URLs.
            None => ahead.take(|c| c != ',' && !c.is_whitespace()).to_owned(),
        };
        self.rest = ahead.rest;
        Some((name.to_ascii_lowercase(), value))
    }

    /// The inside of a quoted string whose first quote is gone. An unclosed one ends with the header.
    fn quoted(&mut self) -> String {
        let mut value = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next() {
                None | Some('"') => break,
                Some('\\') => value.extend(characters.next()),
                Some(c) => value.push(c),
            }
        }
        self.rest = characters.as_str();
        value
    }

    /// ` TlRM…==` up to a comma or the end, or nothing and no step forward.
    fn token68(&mut self) -> Option<String> {
        let mut ahead = Self { rest: self.rest };
        if ahead.take(|c| c == ' ').is_empty() {
            return None;
        }
        let start = ahead.rest;
        let text = ahead.take(is_token68);
        let padding = ahead.take(|c| c == '=');
        let whole = &start[..text.len() + padding.len()];
        ahead.take(char::is_whitespace);
        if text.is_empty() || !(ahead.rest.is_empty() || ahead.rest.starts_with(',')) {
            return None;
        }
        self.rest = ahead.rest;
        Some(whole.to_owned())
    }
}

#[cfg(test)]
#[path = "challenge_tests.rs"]
mod tests;
