//! The appends that wait for the disk.
//!
//! In:    records with their acks, from any thread.
//! Out:   groups, to the one committer.
//! Kept:  at most the configured records and bytes; more is refused by name.
//! Never: a record that is neither taken nor refused.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::LogConfig;
use crate::budget::Budget;
use crate::limits::RECORD_BYTES_MAX;
use crate::log::{Ack, AppendError};

/// An append that nobody has answered yet.
pub(super) struct Waiting {
    pub(super) record: Bytes,
    pub(super) ack: Ack,
}

pub(super) struct Queue {
    config: LogConfig,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Why nothing more is taken.
    stopped: Option<String>,
    /// Why the last group was refused: there was no room for it.
    no_room: Option<String>,
}

impl Queue {
    pub(super) fn new(config: LogConfig) -> Self {
        Self { config, state: Mutex::default(), arrived: Condvar::new() }
    }

    /// Queues the append, or refuses it on this thread.
    pub(super) fn push(&self, record: Bytes, ack: Ack) {
        let mut state = self.state.lock();
        if let Err(refusal) = self.admit(&state, record.len()) {
            drop(state);
            return ack(Err(refusal));
        }
        state.bytes += record.len();
        state.waiting.push_back(Waiting { record, ack });
        drop(state);
        self.arrived.notify_one();
    }

    fn admit(&self, state: &State, bytes: usize) -> Result<(), AppendError> {
        if bytes > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, max: RECORD_BYTES_MAX });
        }
        if let Some(reason) = &state.stopped {
            return Err(AppendError::Stopped(reason.clone()));
        }
        let (records_max, bytes_max) = (self.config.queue_records_max, self.config.queue_bytes_max);
        if state.waiting.len() >= records_max || state.bytes + bytes > bytes_max {
            let (records, bytes) = (state.waiting.len(), state.bytes);
            return Err(AppendError::Full { records, bytes, records_max, bytes_max });
        }
        Ok(())
    }

    /// Waits for appends and takes what one commit may hold. `None` when nothing waits and nothing will come.
    pub(super) fn take(&self) -> Option<Vec<Waiting>> {
        let mut state = self.state.lock();
        self.arrived.wait_while(&mut state, |state| state.waiting.is_empty() && state.stopped.is_none());
        let mut budget = Budget::new(self.config.group_bytes_max);
        let count = state.waiting.iter().take_while(|waiting| budget.take(waiting.record.len())).count();
        let group: Vec<Waiting> = state.waiting.drain(..count).collect();
        state.bytes -= group.iter().map(|waiting| waiting.record.len()).sum::<usize>();
        (!group.is_empty()).then_some(group)
    }

    /// Takes nothing more; the first reason stands. What waits is still there for `take`.
    pub(super) fn stop(&self, reason: &str) {
        self.state.lock().stopped.get_or_insert_with(|| reason.to_owned());
        self.arrived.notify_all();
    }

    /// Says that the last group found no room, and why; or that there is room again.
    pub(super) fn set_no_room(&self, reason: Option<String>) {
        self.state.lock().no_room = reason;
    }

    /// Why appends are refused now.
    pub(super) fn stopped(&self) -> Option<String> {
        let state = self.state.lock();
        state.stopped.clone().or_else(|| state.no_room.clone())
    }

    /// Everything that still waits, to be refused.
    pub(super) fn drain(&self) -> Vec<Waiting> {
        let mut state = self.state.lock();
        state.bytes = 0;
        state.waiting.drain(..).collect()
    }
}
