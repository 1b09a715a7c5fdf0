//! The registry API: literal requests to a real server, literal answers.

mod access;
mod auth;
mod base;
mod blobs;
mod budgets;
mod configured;
mod doors;
mod durability;
mod failing_store;
mod health;
mod hostile;
mod http2;
mod issue;
mod keys;
mod lifecycle;
mod limits;
mod logs;
mod manifests;
mod metrics;
mod notifications;
mod published_keys;
mod read_only;
mod reload;
mod requirements;
mod tls;
mod token;
