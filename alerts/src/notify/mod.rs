//! Telling people: which receiver hears of which alert, when, in which words, and what is kept quiet.
//!
//! In:    what fires now; a file of receivers; silences and acknowledgements; the time, in milliseconds.
//! Out:   one [`Notification`] at a time for each receiver, the same until it has been taken.
//! Kept:  for each receiver a [`Book`]: what it was told.
//! Never: a clock, I/O, a secret. Whoever sends saves the book before each first try and after each answer, so a crash sends the
//!        same notification again, under the same id.

mod alert;
mod body;
mod book;
mod file;
mod maintenance;
mod message;
mod pairs;
mod quiet;

pub use alert::{AlertName, Firing};
pub use book::{Book, Count, Look};
pub use file::{NotifyFile, Receiver, Target, check_url};
pub use maintenance::Maintenance;
pub use message::{Entry, Notification};
pub use quiet::{Acknowledged, Condition, Filter, Quiet, QuietError, Silence, SilenceState};
