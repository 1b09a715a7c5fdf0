//! The commands, one file each: the real binary against a real server, whole outputs as snapshots.

mod archives;
mod catalog;
mod config;
mod connect;
mod copy;
mod copy_requests;
mod delete;
mod delete_bytes;
mod delete_many;
mod delete_old;
mod digest;
mod distribution;
mod explain;
mod garbage_collect;
mod gc;
mod gc_plan;
mod general;
mod hostile_text;
mod inspect;
mod tag;
mod tags;
mod token;
mod user;
