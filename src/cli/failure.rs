//! How a command fails: what it means (and so the exit code), what is said about it, what might help.
//!
//! The only place that assigns exit codes. The words are printed by [`Output`].

use std::fmt;
use std::process::ExitCode;

mod advice;

use super::output::{self, Output};
use crate::server::config::{ConfigError, Faults};
use crate::spec::Host;
use crate::spec::inert::one_line;
use crate::spec::name::NameError;
use crate::spec::reference::ReferenceError;
use crate::{client, content, layout};
use advice::{hint, is_explained};

/// The exit codes, as `reg --help` and the man page show them.
pub(crate) const EXIT_CODES_HELP: &str = "\
Exit codes:
  0    done
  1    failed
  2    wrong usage, reference or configuration, or --yes is needed; nothing was changed
  3    not found
  4    authentication required or denied
  5    not supported by this registry
  6    rate limited beyond --max-wait
  7    partly done; standard output lists what was and what was not
  8    the condition asked for is true (--detailed-exitcode, --fail-over)
  9    answered no
  130  interrupted
  143  terminated";

/// What a failure means to a script: its number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Nobody reads the output any more. For a listing that is no failure.
    PipeClosed = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Denied = 4,
    Unsupported = 5,
    RateLimited = 6,
    Partial = 7,
    ConditionTrue = 8,
    AnsweredNo = 9,
    Interrupted = 130,
    Terminated = 143,
}

impl Kind {
    pub(crate) const fn exit_code(self) -> u8 {
        self as u8
    }

    /// The word that stands for the kind in JSON.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::PipeClosed => "pipe_closed",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::RateLimited => "rate_limited",
            Self::Partial => "partial",
            Self::ConditionTrue => "condition_true",
            Self::AnsweredNo => "answered_no",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

/// A failure of a command, or of one of several objects that it works on.
pub(crate) struct Failure {
    kind: Kind,
    /// What is said; nothing when everything has been said already.
    error: Option<anyhow::Error>,
    hints: Vec<String>,
    /// Whether a registry that refused said why: then it is not who asks that is at fault.
    is_explained: bool,
}

impl Failure {
    pub(crate) fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self { kind, error: Some(error.into()), hints: Vec::new(), is_explained: false }
    }

    /// A failure described by a message alone.
    pub(crate) fn message(kind: Kind, message: impl fmt::Display) -> Self {
        Self::new(kind, anyhow::anyhow!("{message}"))
    }

    /// What is wrong with a configuration, one by one; what is too much is counted.
    pub(crate) fn each(faults: Faults) -> impl Iterator<Item = Self> {
        let unsaid = match faults.unsaid() {
            0 => None,
            1 => Some("and 1 more fault".to_owned()),
            more => Some(format!("and {more} more faults")),
        };
        faults.said().map(Self::from).chain(unsaid.map(Self::usage))
    }

    /// Wrong usage, found behind the grammar.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::message(Kind::Usage, message)
    }

    /// An exit code, when everything has been said already.
    pub(crate) fn silent(kind: Kind) -> Self {
        Self { kind, error: None, hints: Vec::new(), is_explained: false }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The same failure as the cause of a larger one. `what` uses the user's words: "cannot delete r/x:v1".
    pub(crate) fn context(mut self, what: impl fmt::Display) -> Self {
        self.error = self.error.map(|error| error.context(what.to_string()));
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What helps here, instead of what helps in general.
    pub(crate) fn with_only_hint(self, hint: impl Into<String>) -> Self {
        Self { hints: vec![hint.into()], ..self }
    }

    /// Says what may help with a failure of `host`.
    pub(crate) fn at(self, host: &Host) -> Self {
        match self.kind {
            Kind::Denied if self.hints.is_empty() && !self.is_explained => self.with_hint(format!("reg login {host}")),
            _ => self,
        }
    }

    /// What is said, outermost first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = String> {
        self.error.iter().flat_map(|error| error.chain()).map(ToString::to_string)
    }

    /// The causes without the first line, which says what they are the causes of.
    pub(crate) fn cause(&self) -> Option<String> {
        let causes: Vec<_> = self.chain().skip(1).collect();
        (!causes.is_empty()).then(|| causes.join(": "))
    }

    /// The same where paths and names of somebody's file stand in it: no line of theirs passes for one of ours.
    pub(crate) fn in_one_line(mut self) -> Self {
        let chain: Vec<String> = self.chain().map(|line| one_line(&line).into_owned()).collect();
        self.error = chain.into_iter().rev().fold(None, |cause: Option<anyhow::Error>, line| {
            Some(match cause {
                Some(cause) => cause.context(line),
                None => anyhow::Error::msg(line),
            })
        });
        self.hints.iter_mut().for_each(|hint| *hint = one_line(hint).into_owned());
        self
    }

    /// Everything in one line.
    pub(crate) fn line(&self) -> String {
        self.chain().collect::<Vec<_>>().join(": ")
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.line())
    }
}

/// What an operation on something was about, for the first line of its failure.
pub(crate) trait Explain<T> {
    /// `what` in the user's words: "cannot list tags of r/x". `host` is where it failed.
    fn explain(self, host: &Host, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Explain<T> for Result<T, E> {
    fn explain(self, host: &Host, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| error.into().at(host).context(what()))
    }
}

impl From<&content::Kind> for Kind {
    fn from(kind: &content::Kind) -> Self {
        match kind {
            content::Kind::NotFound => Self::NotFound,
            content::Kind::Denied => Self::Denied,
            content::Kind::Unsupported => Self::Unsupported,
            content::Kind::RateLimited { .. } => Self::RateLimited,
            content::Kind::Corrupt
            | content::Kind::ChildMissing
            | content::Kind::Interrupted
            | content::Kind::Failed => Self::Failed,
        }
    }
}

impl From<content::Error> for Failure {
    fn from(error: content::Error) -> Self {
        let (hint, is_explained) = (hint(&error), is_explained(&error));
        Self { hints: hint.into_iter().collect(), is_explained, ..Self::new(Kind::from(&error.kind), error) }
    }
}

impl From<content::CopyError> for Failure {
    fn from(error: content::CopyError) -> Self {
        let (hint, is_explained) = (error.of_place().and_then(hint), error.of_place().is_some_and(is_explained));
        Self { hints: hint.into_iter().collect(), is_explained, ..Self::new(Kind::from(&error.kind()), error) }
    }
}

impl From<layout::LayoutError> for Failure {
    fn from(error: layout::LayoutError) -> Self {
        Self::from(content::Error::from(error))
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self::from(content::Error::from(error))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint.clone();
        let failure = Self::new(Kind::Usage, error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

impl From<Faults> for Failure {
    /// The first of them; the others are for [`Failure::each`].
    fn from(faults: Faults) -> Self {
        let more = faults.len().saturating_sub(1);
        let first = Self::each(faults).next();
        let first = first.unwrap_or_else(|| Self::usage("the configuration cannot be used"));
        match more {
            0 => first,
            1 => first.with_hint("there is another fault: reg config check shows both"),
            _ => first.with_hint(format!("there are {more} more faults: reg config check shows all")),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Kind::Failed, error)
    }
}

impl From<ReferenceError> for Failure {
    fn from(error: ReferenceError) -> Self {
        Self::new(Kind::Usage, error)
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::new(Kind::Usage, error)
    }
}

/// How many of several objects were done, and how the others failed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: usize,
    failed: Vec<Kind>,
}

impl Tally {
    pub(crate) fn add_failure(&mut self, kind: Kind) {
        self.failed.push(kind);
    }

    /// Some done and some not is [`Kind::Partial`]; none done is their common kind, or [`Kind::Failed`].
    pub(crate) fn result(&self) -> Result<(), Failure> {
        let Some(&first) = self.failed.first() else { return Ok(()) };
        let kind = if self.done > 0 {
            Kind::Partial
        } else if self.failed.iter().all(|kind| *kind == first) {
            first
        } else {
            Kind::Failed
        };
        Err(Failure::silent(kind))
    }
}

/// Ends a run: says what is left to say, and gives the exit code.
pub(crate) fn exit(output: &Output, result: Result<(), Failure>) -> ExitCode {
    let result = result.and_then(|()| output.flush());
    output.finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

/// Ends a run under the name `registry`, which knows one code for all that fails.
pub(crate) fn exit_as_registry(output: &Output, result: Result<(), Failure>) -> ExitCode {
    let kind = |failure: &Failure| match failure.kind {
        kind @ (Kind::PipeClosed | Kind::Interrupted | Kind::Terminated) => kind,
        _ => Kind::Failed,
    };
    exit(output, result.map_err(|failure| Failure { kind: kind(&failure), ..failure }))
}

/// Ends a run that stopped at its arguments: help and version are data, everything else is wrong usage.
pub(crate) fn exit_after_grammar(mut answer: clap::Error) -> ExitCode {
    // The advice to write `-- -x`: no registry, repository or file of ours begins with a dash.
    if answer.kind() == clap::error::ErrorKind::UnknownArgument {
        answer.remove(clap::error::ContextKind::Suggested);
    }
    output::grammar(&answer);
    if answer.use_stderr() { ExitCode::from(Kind::Usage.exit_code()) } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies() {
        let tally = |done, kinds: &[Kind]| Tally { done, failed: kinds.to_vec() }.result().map_err(|f| f.kind());
        assert_eq!(tally(3, &[]), Ok(()));
        assert_eq!(tally(0, &[]), Ok(()));
        assert_eq!(tally(1, &[Kind::Denied]), Err(Kind::Partial));
        assert_eq!(tally(0, &[Kind::Denied, Kind::Denied]), Err(Kind::Denied));
        assert_eq!(tally(0, &[Kind::Denied, Kind::NotFound]), Err(Kind::Failed));
    }

    /// The numbers of the code against the words that everybody is shown, which the snapshots of the help hold.
    #[test]
    fn exit_codes_are_what_the_help_says() {
        use Kind::*;
        for (kind, words) in [
            (PipeClosed, "done"),
            (Failed, "failed"),
            (Usage, "wrong usage"),
            (NotFound, "not found"),
            (Denied, "authentication required or denied"),
            (Unsupported, "not supported"),
            (RateLimited, "rate limited"),
            (Partial, "partly done"),
            (ConditionTrue, "the condition asked for is true"),
            (AnsweredNo, "answered no"),
            (Interrupted, "interrupted"),
            (Terminated, "terminated"),
        ] {
            let line = format!("\n  {:<4} {words}", kind.exit_code());
            assert!(EXIT_CODES_HELP.contains(&line), "{kind:?}:{line}");
        }
        assert_eq!(EXIT_CODES_HELP.lines().count(), 1 + 12, "one line each");
    }
}
