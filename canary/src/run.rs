//! The door: the clock, the sender, the questions.
//!
//! Kept:  probes in flight, at most one a partition.
//! Never: waits for an answer before it looks at the clock again, but for as long as one question may take.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use client::{BatchBuilder, BatchSender, BuildError, Client, Packet, v1};
use model::{Aggregate, Minute, Placement, Stamp};
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::ask::Asker;
use crate::limits::{ACCOUNT, LOOK_EVERY, PROBE_EVERY};
use crate::report::Report;
use crate::series;
use crate::verdict::Verdict;
use crate::watch::{Sent, Took, Watch};

/// Probes on their way at once: a fraction of what a server's connection takes.
const IN_FLIGHT_MAX: usize = 64;

/// What a canary watches.
#[derive(Clone, Debug)]
pub struct Config {
    /// `http://HOST:PORT` of the gRPC door.
    pub grpc: String,
    /// `http://HOST:PORT` of the HTTP door.
    pub http: String,
    /// Which partition a series goes to.
    pub placement: Placement,
}

/// A setting that cannot be: the client's.
pub type ConfigError = BuildError;

struct Canary {
    watch: Watch,
    asker: Asker,
    /// One publisher a partition, so that one that hangs holds up no other.
    publishers: Vec<Publisher>,
    places: Arc<Semaphore>,
    flying: JoinSet<(Sent, Result<Took, String>)>,
    client: Client,
    report: Arc<Report>,
}

struct Publisher {
    sender: BatchSender,
    next: Stamp,
}

/// Runs until it is dropped.
///
/// # Errors
/// When an address is none.
pub async fn run(config: &Config, report: Arc<Report>) -> Result<(), ConfigError> {
    let mut canary = Canary::new(config, report)?;
    let mut next_probe = unix_ms();
    loop {
        let now = unix_ms();
        if now >= next_probe {
            canary.probe();
            next_probe = next_tick(unix_ms());
        }
        canary.look().await;
        let until_probe = Duration::from_millis(next_probe.saturating_sub(unix_ms()));
        tokio::select! {
            Some(done) = canary.flying.join_next() => canary.answered(done),
            () = tokio::time::sleep(LOOK_EVERY.min(until_probe)) => {}
        }
    }
}

/// Ticks stand on the wall clock's multiples, so that a minute has six.
fn next_tick(now_ms: u64) -> u64 {
    let every = u64::try_from(PROBE_EVERY.as_millis()).expect("ten seconds");
    (now_ms / every + 1) * every
}

// === impl Canary ===

impl Canary {
    fn new(config: &Config, report: Arc<Report>) -> Result<Self, ConfigError> {
        let builder = || Client::builder().endpoint(config.grpc.clone()).account(ACCOUNT);
        let first = builder().build_sender()?;
        let watch = Watch::new(config.placement, unix_ms());
        let publisher = |_| {
            let sender = first.another();
            Publisher { next: sender.first_stamp(), sender }
        };
        Ok(Self {
            publishers: (0..watch.partitions()).map(publisher).collect(),
            watch,
            asker: Asker::new(config.grpc.clone(), config.http.clone()),
            places: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            flying: JoinSet::new(),
            client: builder().build()?,
            report,
        })
    }

    fn probe(&mut self) {
        let due = Instant::now();
        for partition in 0..self.watch.partitions() {
            let Some((sent, aggregate)) = self.watch.probe(partition, unix_ms()) else { continue };
            let packet = self.packet(sent, &aggregate);
            let (sender, places) =
                (self.publishers[partition as usize].sender.clone(), Arc::clone(&self.places));
            self.flying.spawn(async move { (sent, send(&sender, packet, &places, due).await) });
        }
    }

    fn packet(&mut self, sent: Sent, aggregate: &Aggregate) -> Packet {
        let publisher = &mut self.publishers[sent.partition as usize];
        let stamp = publisher.next;
        publisher.next.sequence += 1;
        let home = self.watch.home(sent.partition);
        let partition = sent.partition.to_string();
        let mut builder = BatchBuilder::new(ACCOUNT).publisher(stamp).built_at(unix_ms() / 1000);
        let dims = [("partition", partition.as_str()), ("salt", home.salt.as_str())];
        builder.add(&home.metric, dims, sent.minute, aggregate);
        let request = v1::PublishRequest { batches: vec![builder.build()] };
        Packet { stamp, rows: 1, request: request.encode_to_vec().into() }
    }

    fn answered(&mut self, done: Result<(Sent, Result<Took, String>), tokio::task::JoinError>) {
        match done {
            Ok((sent, answer)) => self.watch.answered(sent, &answer, unix_ms()),
            Err(why) => tracing::error!(%why, "BUG: a probe's task has panicked"),
        }
    }

    /// Asks what is to be asked. An answer that does not come is asked for again the next time.
    async fn look(&mut self) {
        let asks = self.watch.asks(unix_ms());
        let partitions = self.watch.partitions();
        for (metric, minute) in asks.open {
            let answer = self.asker.probes(&metric, minute, true, partitions).await;
            let rows = answer.map(|answer| answer.rows).unwrap_or_default();
            self.watch.seen_open(minute, &rows, unix_ms());
        }
        if asks.health
            && let Ok(sealed) = self.asker.sealed().await
        {
            self.watch.seen_sealed(&sealed, unix_ms());
        }
        for (metric, minute) in asks.closed {
            let began = Instant::now();
            if let Ok(answer) = self.asker.probes(&metric, minute, false, partitions).await {
                self.watch.asked(minute, ms(began.elapsed()));
                self.watch.seen_closed(&metric, minute, &answer.rows, answer.completeness, unix_ms());
            }
        }
        if asks.alerts
            && let Ok(seen) = self.asker.alerts().await
        {
            self.watch.seen_alerts(&seen, unix_ms());
        }
        self.tell();
    }

    fn tell(&mut self) {
        let now = unix_ms();
        for watched in self.watch.judged(now) {
            for (partition, part) in watched.parts.iter().enumerate() {
                if !matches!(part.verdict, Verdict::Right) {
                    let (minute, verdict) = (watched.minute, &part.verdict);
                    tracing::warn!(partition, %minute, %verdict, "the canary's minute is not right");
                }
            }
            self.report.add(&watched);
            series::publish(&self.client, &watched, Minute::of_unix_millis(now));
        }
    }
}

/// Until it is answered for good.
async fn send(
    sender: &BatchSender,
    packet: Packet,
    places: &Semaphore,
    due: Instant,
) -> Result<Took, String> {
    let _place = places.acquire().await;
    let delivery = sender.send(packet).await;
    let whole = ms(due.elapsed());
    let receipt = delivery.answer?;
    if receipt.accepted != 1 {
        return Err(receipt.messages.into_values().next().unwrap_or_else(|| "it was refused".to_owned()));
    }
    let (frontend_ms, log_ms) = (ms(receipt.times.frontend), ms(receipt.times.log));
    Ok(Took { client_ms: whole - frontend_ms - log_ms, frontend_ms, log_ms })
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
