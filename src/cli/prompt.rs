//! Questions to the person at the terminal. Without a terminal nothing is asked, and nothing is assumed.

use std::io::Read as _;

use dialoguer::{Confirm, Input, Password};

use super::context::Context;
use super::failure::{Failure, Kind};

/// Longest secret read from standard input, in bytes. Cloud tokens have some 4 KiB.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// From this many objects on, their number is to be typed: a `y` slips out too easily.
const TYPED_FROM: usize = 2;

/// Asks whether `count` objects are to be changed; `--yes` (`assumed`) answers.
///
/// # Errors
/// [`Kind::Usage`] without a terminal, [`Kind::AnsweredNo`] when the answer is not a clear yes.
pub(crate) fn confirm(context: &Context, question: &str, count: usize, assumed: bool) -> Result<(), Failure> {
    if assumed {
        return Ok(());
    }
    if !context.output.can_ask() {
        return Err(Failure::usage(
            "this needs a confirmation, and there is no terminal to ask on; nothing was changed",
        )
        .with_hint("--yes to go on without asking, --dry-run to see the plan"));
    }
    let yes = if count < TYPED_FROM {
        Confirm::new().with_prompt(question).default(false).interact().map_err(unanswered)?
    } else {
        let prompt = format!("{question} Type {count} to confirm");
        let answer: String = Input::new().with_prompt(prompt).allow_empty(true).interact_text().map_err(unanswered)?;
        answer.trim() == count.to_string()
    };
    if yes { Ok(()) } else { Err(Failure::message(Kind::AnsweredNo, "not confirmed; nothing was changed")) }
}

/// Asks for a line of text, such as a user name.
pub(crate) fn line(context: &Context, prompt: &str) -> Result<String, Failure> {
    require_terminal(context, prompt)?;
    Input::new().with_prompt(prompt).interact_text().map_err(unanswered)
}

/// Asks for a secret, which is not shown.
pub(crate) fn password(context: &Context, prompt: &str) -> Result<String, Failure> {
    require_terminal(context, prompt)?;
    Password::new().with_prompt(prompt).interact().map_err(unanswered)
}

/// Reads a secret; the line end that `echo` adds is no part of it.
pub(crate) fn secret_of_stdin(what: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin().take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(Failure::usage(format!("more than {SECRET_BYTES_MAX} bytes on standard input are no {what}")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::usage(format!("the {what} is not UTF-8")))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::usage(format!("standard input has no {what}")));
    }
    Ok(secret.to_owned())
}

fn require_terminal(context: &Context, what: &str) -> Result<(), Failure> {
    if context.output.can_ask() {
        return Ok(());
    }
    Err(Failure::usage(format!("{what} is needed, and there is no terminal to ask on")))
}

fn unanswered(error: dialoguer::Error) -> Failure {
    let dialoguer::Error::IO(error) = error;
    if error.kind() == std::io::ErrorKind::Interrupted {
        return Failure::silent(Kind::Interrupted);
    }
    Failure::new(Kind::AnsweredNo, error).context("no answer; nothing was changed")
}
