//! The commands that are neither the server nor a read.

pub(crate) mod acknowledge;
pub(crate) mod agent;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod delete;
pub(crate) mod inspect;
pub(crate) mod loadgen;
pub(crate) mod notify;
pub(crate) mod publish;
pub(crate) mod restore;
pub(crate) mod rules;
pub(crate) mod silence;
pub(crate) mod topics;
pub(crate) mod verify;
pub(crate) mod watchdog;
