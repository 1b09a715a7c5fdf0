//! What the integration tests stand on: a world of their own with a real server in it, literal HTTP, and images made of
//! raw JSON. Nothing here uses the program's own types: a fault in them would hide on both sides.

pub(crate) mod counting;
pub(crate) mod env;
pub(crate) mod http;
pub(crate) mod image;
pub(crate) mod proxy;
pub(crate) mod scripted;
pub(crate) mod server;
pub(crate) mod watchdog;

pub(crate) use env::{Env, Output};
pub(crate) use http::{Client, Response};
pub(crate) use image::{Image, digest, image};
pub(crate) use server::Server;
