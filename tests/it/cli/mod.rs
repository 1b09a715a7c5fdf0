//! One module per command.

mod copy;
mod copy_requests;
mod gc_plan;
