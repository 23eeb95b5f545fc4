//! The server's own counts as metrics like any other: published by the client SDK to its own door, into the account
//! `sluice`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use client::{Client, Counter, Value};
use tokio::sync::watch;

use super::{House, ended};

/// The account in which the server's own metrics stand.
const ACCOUNT: &str = "sluice";
const EVERY: Duration = Duration::from_secs(10);

/// Runs until the word to end.
pub(super) async fn keep(house: House, grpc: SocketAddr, stopped: watch::Receiver<()>) {
    let client = match Client::builder().endpoint(format!("http://{grpc}")).account(ACCOUNT).build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "cannot keep the server's own metrics"),
    };
    let mut books = Books::new(&client);
    let mut ended = std::pin::pin!(ended(stopped));
    loop {
        tokio::select! {
            () = &mut ended => break,
            () = tokio::time::sleep(EVERY) => books.record(&house),
        }
    }
    // What was recorded since the last minute goes with the process: the door that it would take is closing.
    drop(tokio::task::spawn_blocking(move || drop(client)));
}

struct Books {
    rows: Counter,
    lag: Value,
    series: Value,
    store_bytes: Value,
    sealed_behind: Value,
    /// Counters as they were read last: what is recorded is the increase.
    before: BTreeMap<(String, String, String), u64>,
}

impl Books {
    fn new(client: &Client) -> Self {
        Self {
            rows: client.counter("sluice.rows"),
            lag: client.value("sluice.island.lag_records"),
            series: client.value("sluice.island.series"),
            store_bytes: client.value("sluice.store.bytes"),
            sealed_behind: client.value("sluice.island.sealed_behind_seconds"),
            before: BTreeMap::new(),
        }
    }

    fn record(&mut self, house: &House) {
        let accepted = house.frontend.iter().flat_map(|frontend| frontend.counters().snapshot());
        for counter in accepted.chain(house.partitions.drops()) {
            let key = (counter.hop, counter.account, counter.reason);
            let before = self.before.insert(key.clone(), counter.rows).unwrap_or(0);
            let (hop, account, reason) = (key.0.as_str(), key.1.as_str(), key.2.as_str());
            self.rows.add(
                counter.rows.saturating_sub(before),
                &[("hop", hop), ("account", account), ("reason", reason)],
            );
        }
        for status in house.partitions.islands().iter().map(aggregator::IslandHandle::status) {
            let partition = status.partition.to_string();
            let dims = [("partition", partition.as_str())];
            let int = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            self.lag.record_int(int(status.lag_records), &dims);
            self.series.record_int(int(status.series), &dims);
            self.store_bytes.record_int(int(status.disk_bytes), &dims);
            if let Some(sealed) = status.sealed_through {
                let behind = super::unix_now().saturating_sub(sealed.next().unix_seconds());
                self.sealed_behind.record_int(int(behind), &dims);
            }
        }
    }
}
