//! A server in memory that applies each stamp once, under bad weather; and a clock that the test owns.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use client::model::{Distinct, Distribution, PUBLISHER_WINDOW, Scalars, Stamp};
use client::{Clock, Packet, Receipt, SendError, Sending, Transport, v1};
use prost::Message;
use proto::BatchView;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// (minute, metric, dimensions as text)
pub type RowKey = (u32, String, String);

/// Starts at minute 1,000 and goes when it is told to.
#[derive(Debug)]
pub struct Hand(AtomicU64);

impl Hand {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1000)))
    }

    pub fn next_minute(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst) * 60 + 30)
    }
}

/// What the server knows.
#[derive(Default)]
pub struct Known {
    pub rows: BTreeMap<RowKey, Scalars>,
    pub distincts: BTreeMap<RowKey, Distinct>,
    pub distributions: BTreeMap<RowKey, Distribution>,
    pub applied_by_minute: BTreeMap<u32, u64>,
    /// Every stamp that was ever seen, and its bytes.
    pub seen: BTreeMap<u64, Bytes>,
    pub declares: Vec<bool>,
    pub batch_rows: Vec<u64>,
    applied: HashMap<Stamp, u64>,
    pub newest: u64,
    pub in_flight: usize,
    pub in_flight_most: usize,
}

/// How likely each fault is, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub lost: u32,
    pub ack_lost: u32,
    pub busy: u32,
    /// Answers take up to so many milliseconds, so they come in another order.
    pub delay_ms: u64,
    /// Rows of this metric are refused.
    pub refuse: Option<&'static str>,
    /// Nobody is there.
    pub away: bool,
}

pub struct Server {
    pub known: Mutex<Known>,
    weather: Mutex<Weather>,
    rng: Mutex<StdRng>,
}

impl Server {
    pub fn new(weather: Weather, seed: u64) -> Arc<Self> {
        let rng = Mutex::new(StdRng::seed_from_u64(seed));
        Arc::new(Self { known: Mutex::default(), weather: Mutex::new(weather), rng })
    }

    pub fn clear_up(&self) {
        *self.weather.lock().unwrap() = Weather::default();
    }

    fn dice(&self) -> u32 {
        self.rng.lock().unwrap().random_range(0..100)
    }

    fn outcome(&self, packet: &Packet) -> Result<Receipt, SendError> {
        let weather = *self.weather.lock().unwrap();
        let retry = |after| Err(SendError::Retry { after, message: "weather".to_owned() });
        self.known.lock().unwrap().see(packet);
        if weather.away || self.dice() < weather.lost {
            return retry(None);
        }
        if self.dice() < weather.busy {
            return retry(Some(Duration::from_millis(20)));
        }
        let receipt = self.known.lock().unwrap().apply(packet, weather.refuse);
        if self.dice() < weather.ack_lost { retry(None) } else { Ok(receipt) }
    }
}

/// The trait on a handle, so that the test keeps another.
pub struct Wire(pub Arc<Server>);

impl Transport for Wire {
    fn publish(&self, packet: Packet, _: Duration) -> Sending {
        let server = Arc::clone(&self.0);
        Box::pin(async move {
            let delay = server.weather.lock().unwrap().delay_ms;
            let delay = if delay == 0 { 0 } else { server.rng.lock().unwrap().random_range(0..delay) };
            server.known.lock().unwrap().takes_off();
            tokio::time::sleep(Duration::from_millis(delay)).await;
            let outcome = server.outcome(&packet);
            server.known.lock().unwrap().in_flight -= 1;
            outcome
        })
    }
}

impl Known {
    fn takes_off(&mut self) {
        self.in_flight += 1;
        self.in_flight_most = self.in_flight_most.max(self.in_flight);
    }

    fn see(&mut self, packet: &Packet) {
        let had = self.seen.entry(packet.stamp.sequence).or_insert_with(|| packet.request.clone());
        assert_eq!(*had, packet.request, "a stamp with other bytes");
        self.newest = self.newest.max(packet.stamp.sequence);
        assert!(self.newest - packet.stamp.sequence < PUBLISHER_WINDOW, "forgotten by now");
    }

    fn apply(&mut self, packet: &Packet, refuse: Option<&str>) -> Receipt {
        let first = !self.applied.contains_key(&packet.stamp);
        let request = v1::PublishRequest::decode(packet.request.clone()).unwrap();
        let [batch] = request.batches.as_slice() else { panic!("one batch") };
        let view = BatchView::new(batch).unwrap();
        assert_eq!(view.stamp(), Some(packet.stamp));
        assert_eq!(view.rows() as u64, packet.rows);
        let mut refused = 0;
        for at in 0..view.rows() {
            if refuse == Some(view.metric(view.row(at).series)) {
                refused += 1;
            } else if first {
                self.add(&view, at);
            }
        }
        if first {
            self.declares.push(view.declares());
            self.batch_rows.push(packet.rows);
            self.sketches(&view);
        }
        let receipt = Receipt {
            accepted: packet.rows - refused,
            refused: (refused > 0).then(|| ("metric_name".to_owned(), refused)).into_iter().collect(),
            ..Receipt::default()
        };
        self.applied.insert(packet.stamp, receipt.accepted);
        receipt
    }

    fn add(&mut self, view: &BatchView<'_>, at: usize) {
        let row = view.row(at);
        row.scalars.check().unwrap();
        self.rows.entry(key(view, at)).or_default().merge(&row.scalars);
        *self.applied_by_minute.entry(row.minute.0).or_default() += 1;
    }

    fn sketches(&mut self, view: &BatchView<'_>) {
        for (row, bytes) in view.distinct() {
            let sketch = Distinct::decode(bytes).unwrap();
            self.distincts.entry(key(view, row as usize)).or_default().merge(&sketch);
        }
        for (row, bytes) in view.distribution() {
            let sketch = Distribution::decode(bytes).unwrap();
            self.distributions.entry(key(view, row as usize)).or_default().merge(&sketch);
        }
    }

    /// What was published, without heartbeats.
    pub fn users_rows(&self) -> BTreeMap<RowKey, Scalars> {
        let users = self.rows.iter().filter(|(key, _)| !key.1.starts_with("sluice.publisher."));
        users.map(|(key, scalars)| (key.clone(), *scalars)).collect()
    }

    /// What heartbeats say, by minute.
    pub fn declared(&self, name: &str) -> BTreeMap<u32, u64> {
        let metric = format!("sluice.publisher.{name}");
        let rows = self.rows.iter().filter(|(key, _)| key.1 == metric);
        rows.map(|(key, scalars)| (key.0, scalars.sum().to_f64() as u64)).collect()
    }
}

fn key(view: &BatchView<'_>, at: usize) -> RowKey {
    let row = view.row(at);
    let dims: Vec<String> = view.dims(row.series).map(|(name, value)| format!("{name}={value}")).collect();
    (row.minute.0, view.metric(row.series).to_owned(), dims.join(","))
}
