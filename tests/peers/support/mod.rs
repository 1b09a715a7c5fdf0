//! What the suites stand on: programs, processes, servers, a raw HTTP client and generated images.

pub(crate) mod api;
pub(crate) mod certificates;
pub(crate) mod containers;
pub(crate) mod dockerd;
pub(crate) mod examples;
pub(crate) mod http;
pub(crate) mod image;
pub(crate) mod packaged;
pub(crate) mod process;
pub(crate) mod programs;
pub(crate) mod reg;
pub(crate) mod registry;
pub(crate) mod s3;
pub(crate) mod tls;
