//! The environment, read once and handed on as data. Nothing below the command line asks the process for it.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Environment variables at the start of the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    /// Names of those whose value is no text. They are as if they were not set, but for whom that would be dangerous.
    no_text: Vec<String>,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => drop(environment.variables.insert(name, value)),
                (Ok(name), Err(_)) => environment.no_text.push(name),
                // Nobody asks for a name that is no text.
                (Err(_), _) => {}
            }
        }
        environment
    }

    /// A variable of this prefix whose value is no text.
    pub(crate) fn no_text(&self, prefix: &str) -> Option<&str> {
        self.no_text.iter().map(String::as_str).find(|name| name.starts_with(prefix))
    }

    /// The value of a variable; a variable that is set to nothing is not set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables, for what is started with them.
    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// `$HOME`.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from)
    }

    /// Where configuration files live: `$XDG_CONFIG_HOME`, else `~/.config`.
    pub(crate) fn config_home(&self) -> Option<PathBuf> {
        self.directory("XDG_CONFIG_HOME", ".config")
    }

    /// Where data lives: `$XDG_DATA_HOME`, else `~/.local/share`.
    pub(crate) fn data_home(&self) -> Option<PathBuf> {
        self.directory("XDG_DATA_HOME", ".local/share")
    }

    /// Where a program's own records live: `$XDG_STATE_HOME`, else `~/.local/state`.
    pub(crate) fn state_home(&self) -> Option<PathBuf> {
        self.directory("XDG_STATE_HOME", ".local/state")
    }

    /// XDG Base Directory Specification: a relative path is to be ignored.
    fn directory(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let own = self.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        own.or_else(|| Some(self.home()?.join(below_home)))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        Self { variables: variables.into_iter().collect(), no_text: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn directories() {
        let home = environment(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("XDG_STATE_HOME", "relative")]);
        assert_eq!(home.config_home(), Some("/h/.config".into()));
        assert_eq!(home.data_home(), Some("/d".into()));
        assert_eq!(home.state_home(), Some("/h/.local/state".into()));
        assert_eq!(environment(&[]).config_home(), None);
        assert_eq!(environment(&[("HOME", "")]).home(), None);
    }
}
