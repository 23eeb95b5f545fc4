//! Who hears of rows that the server refused: the callback, or the log, once a minute.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::accounting::Refused;
use crate::send::transport::Receipt;

/// Called with what the server refused.
pub(crate) type OnRefusal = Box<dyn Fn(&Refused) + Send + Sync>;

/// See the module.
pub(crate) struct Refusals {
    call: Option<OnRefusal>,
    /// Without a callback: rows since they were last logged, and the newest message, by reason.
    unlogged: Mutex<BTreeMap<String, (u64, String)>>,
}

// === impl Refusals ===

impl Refusals {
    pub(crate) fn new(call: Option<OnRefusal>) -> Self {
        Self { call, unlogged: Mutex::default() }
    }

    /// What an answer refuses.
    pub(crate) fn report(&self, receipt: &Receipt) {
        for (reason, rows) in &receipt.refused {
            let message = receipt.messages.get(reason).cloned().unwrap_or_default();
            self.report_one(&Refused { rows: *rows, reason: reason.clone(), message });
        }
    }

    pub(crate) fn report_one(&self, refused: &Refused) {
        if let Some(call) = &self.call {
            call(refused);
            return;
        }
        let mut unlogged = self.unlogged.lock();
        let (rows, message) = unlogged.entry(refused.reason.clone()).or_default();
        *rows += refused.rows;
        message.clone_from(&refused.message);
    }

    /// Once a minute, a line a reason.
    pub(crate) fn log(&self) {
        let refused = std::mem::take(&mut *self.unlogged.lock());
        for (reason, (rows, message)) in refused {
            tracing::warn!(%reason, rows, %message, "the server refused rows");
        }
    }
}
