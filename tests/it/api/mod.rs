//! The registry API: literal requests to a real server, literal answers.

mod base;
mod hostile;
mod requirements;
