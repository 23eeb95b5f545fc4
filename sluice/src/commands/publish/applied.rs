//! How many rows the server knew already: what its islands say of this publisher, after less before.

use std::time::{Duration, Instant};

use client::{Client, QueryClient, v1};

use crate::cli::Endpoint;

/// The islands read the log as it grows; this is far more than they are ever behind.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);

/// What the islands have seen of this publisher; or why they cannot be asked.
pub(crate) fn ask(endpoint: &Endpoint, client: &Client) -> Result<v1::PublisherAccountReply, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
    runtime.block_on(async {
        let connected = QueryClient::connect(&endpoint.endpoint, &endpoint.account).await;
        let mut query = connected.map_err(|why| why.to_string())?;
        query.publisher_account(client.publisher(), client.epoch()).await.map_err(|why| why.to_string())
    })
}

/// Rows among the `accepted` ones that had been applied before: those that are not new now. What the islands count as
/// duplicate is no measure of it, for a try that came twice is counted twice. Waits until they have seen everything.
pub(crate) fn duplicates(
    endpoint: &Endpoint,
    client: &Client,
    before: Option<v1::PublisherAccountReply>,
    accepted: u64,
) -> Option<u64> {
    let before = before?;
    let (began, mut last) = (Instant::now(), None);
    loop {
        let after = ask(endpoint, client).ok()?;
        let seen = rows(&after).saturating_sub(rows(&before));
        let all = seen >= accepted && last == Some(seen);
        if all || began.elapsed() > PATIENCE {
            let new = after.rows_applied + after.rows_dropped;
            return Some(
                accepted.saturating_sub(new.saturating_sub(before.rows_applied + before.rows_dropped)),
            );
        }
        last = Some(seen);
        std::thread::sleep(PAUSE);
    }
}

fn rows(account: &v1::PublisherAccountReply) -> u64 {
    account.rows_applied + account.rows_duplicate + account.rows_dropped
}
