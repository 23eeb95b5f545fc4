//! A whole run against a server of our own, under a clock that stands still unless everybody waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::{Client, Packet, SendError, Sending, Transport, v1};
use model::{Number, Scalars};
use parking_lot::Mutex;
use prost::Message as _;

use super::*;
use crate::oracle::{Group, Quantity};
use crate::plan::Load;
use crate::plan::tests::load;
use crate::verify::{Answers, compare};

/// What a server of a test does with the n-th request that it gets.
type Mood = fn(u64) -> Answer;

#[derive(Clone, Copy)]
enum Answer {
    /// Takes it, and says so after so many milliseconds.
    Take(u64),
    /// Takes it, and the answer is lost.
    LoseIt,
    /// Does not take it, for now.
    Busy,
    /// Takes the first half of it and refuses the rest.
    Half,
    /// Will never take it.
    Reject,
}

/// Applies a stamp once and adds up by name.
struct Server {
    mood: Mood,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    requests: u64,
    stamps: std::collections::BTreeSet<(u128, u64, u64)>,
    totals: BTreeMap<Group, Scalars>,
}

impl Known {
    fn apply(&mut self, packet: &Packet, rows: usize) {
        let stamp = packet.stamp;
        if !self.stamps.insert((stamp.publisher.0, stamp.epoch, stamp.sequence)) {
            return;
        }
        let request = v1::PublishRequest::decode(packet.request.clone()).unwrap();
        for row in 0..rows {
            let (metric, bucket, scalars) = read(&request.batches[0], row);
            for bucket in [Some(bucket), None] {
                let group = Group { metric: metric.clone(), bucket };
                self.totals.entry(group).or_default().merge(&scalars);
            }
        }
    }

    fn answers(&self) -> Answers {
        let answer = |(group, total): (&Group, &Scalars)| {
            #[expect(clippy::cast_precision_loss)]
            let count = total.count as f64;
            let numbers = [total.sum(), total.min(), total.max()].map(Number::to_f64);
            let all = [
                (Quantity::Count, count),
                (Quantity::Sum, numbers[0]),
                (Quantity::Min, numbers[1]),
                (Quantity::Max, numbers[2]),
            ];
            all.map(|(quantity, value)| ((group.clone(), quantity), value))
        };
        self.totals.iter().flat_map(answer).collect()
    }
}

/// Metric, bucket and numbers of a row, straight from the columns.
fn read(batch: &v1::Batch, row: usize) -> (String, String, Scalars) {
    let string = |index: u32| {
        let start: u32 = batch.string_len[..index as usize].iter().sum();
        let end = start + batch.string_len[index as usize];
        String::from_utf8(batch.string_bytes[start as usize..end as usize].to_vec()).unwrap()
    };
    let series = batch.row_series[row] as usize;
    let mut dims = series * 6..series * 6 + 6; // every series of a plan has six
    let bucket = dims.find(|dim| string(batch.dim_name[*dim]) == "Bucket").unwrap();
    let scalars = Scalars {
        count: batch.row_count[row],
        sum: batch.row_sum[row],
        min: batch.row_min[row],
        max: batch.row_max[row],
        ..Scalars::default()
    };
    (string(batch.series_metric[series]), string(batch.dim_value[bucket]), scalars)
}

impl Transport for Server {
    fn publish(&self, packet: Packet, _: Duration) -> Sending {
        let mut known = self.known.lock();
        let mood = (self.mood)(known.requests);
        known.requests += 1;
        let rows = usize::try_from(packet.rows).unwrap();
        match mood {
            Answer::Take(_) | Answer::LoseIt => known.apply(&packet, rows),
            Answer::Half => known.apply(&packet, rows / 2),
            Answer::Busy | Answer::Reject => {}
        }
        Box::pin(answer(mood, packet.rows))
    }
}

async fn answer(mood: Answer, rows: u64) -> Result<Receipt, SendError> {
    let retry = |message: &str| Err(SendError::Retry { after: None, message: message.to_owned() });
    match mood {
        Answer::Take(millis) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok(Receipt { accepted: rows, ..Receipt::default() })
        }
        Answer::LoseIt => retry("connection reset"),
        Answer::Busy => retry("busy"),
        Answer::Half => {
            let refused = [("too_old".to_owned(), rows - rows / 2)].into();
            let messages = [("too_old".to_owned(), "row 5 is too old".to_owned())].into();
            Ok(Receipt { accepted: rows / 2, refused, messages, ..Receipt::default() })
        }
        Answer::Reject => Err(SendError::Rejected { message: "no such account".to_owned() }),
    }
}

/// The wall clock of a test: five seconds before a minute ends.
struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Duration {
        Duration::from_secs(1_700_000_035) + self.0.elapsed()
    }
}

fn options() -> Options {
    Options {
        in_flight_max: 64,
        behind_max: Duration::from_secs(10),
        drain_max: Duration::from_secs(60),
        report_every: Duration::from_millis(100),
        oracle: true,
    }
}

/// 10 seconds, a batch of 10 rows every 10 ms.
fn plan() -> Plan {
    let duration = Duration::from_secs(10);
    Plan::new(Load { batch_rows: 10, rate: 1_000, duration, ..load() }).unwrap()
}

/// Runs, and compares what the server knows with the oracle.
fn play(mood: Mood, options: &Options, stop: impl Future<Output = ()>) -> (Outcome, Vec<Progress>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let server = Arc::new(Server { mood, known: Mutex::default() });
    let transport: Arc<dyn Transport> = Arc::<Server>::clone(&server);
    let sender = || Client::builder().transport(Arc::clone(&transport)).build_sender().unwrap();
    let (plan, mut reports) = (plan(), Vec::new());
    let outcome = runtime.block_on(async {
        let (senders, wall) = (vec![sender(), sender(), sender()], Wall(Instant::now()));
        run(&plan, "acme", senders, options, &wall, stop, |progress| reports.push(progress.clone())).await
    });
    let differences = compare(outcome.oracle.as_ref().unwrap(), &server.known.lock().answers());
    assert_eq!(differences, []);
    let refused: u64 = outcome.refused.values().sum();
    assert_eq!(outcome.rows, outcome.acked + refused + outcome.unconfirmed + outcome.unsent);
    (outcome, reports)
}

fn never() -> impl Future<Output = ()> {
    std::future::pending()
}

#[test]
fn a_good_server_gets_everything_on_time() {
    let (outcome, reports) = play(|_| Answer::Take(5), &options(), never());
    assert!(outcome.acked == outcome.rows && outcome.ended == Ended::Complete && outcome.retried == 0);
    assert_eq!(outcome.elapsed, Duration::from_millis(9_995));
    assert_eq!((outcome.latency.batches(), outcome.rows), (1_000, 10_000));
    assert!((4.9..6.1).contains(&outcome.latency.max_ms()), "{}", outcome.latency.max_ms());
    assert_eq!(outcome.window, MinuteRange::new(Minute(28_333_333), Minute(28_333_335))); // it passed a minute's end
    let last = reports.last().unwrap();
    assert_eq!((last.rows, last.sent, last.acked, last.refused), (10_000, 10_000, 10_000, 0));
    assert!(reports.len() > 90 && reports.is_sorted_by_key(|progress| progress.acked));
}

#[test]
fn one_that_stalls_makes_those_late_that_had_to_wait() {
    // The first 64 answers come after 4 s, and nothing more may be in flight meanwhile.
    let (outcome, _) = play(|n| Answer::Take(if n < 64 { 4_000 } else { 1 }), &options(), never());
    assert!(outcome.acked == outcome.rows);
    // Due from 0.64 s on, sent at 4 s: a third of all batches was late though its own answer came after 1 ms.
    assert!(outcome.latency.percentile_ms(75.0) > 1_000.0, "{}", outcome.latency.percentile_ms(75.0));
    assert!(outcome.latency.percentile_ms(50.0) < 10.0);
}

#[test]
fn lost_answers_and_refusals_for_now_are_tried_again() {
    let mood = |n| match n % 7 {
        2 => Answer::LoseIt,
        5 => Answer::Busy,
        _ => Answer::Take(1),
    };
    let (outcome, _) = play(mood, &options(), never());
    assert!(outcome.acked == outcome.rows && outcome.retried > 1_000);
}

#[test]
fn what_is_refused_is_named_and_not_expected() {
    let mood = |n| match n % 10 {
        3 => Answer::Half,
        7 => Answer::Reject,
        _ => Answer::Take(1),
    };
    let (outcome, _) = play(mood, &options(), never());
    assert_eq!(
        outcome.refused,
        BTreeMap::from([("rejected".to_owned(), 1_000), ("too_old".to_owned(), 500)])
    );
    assert_eq!((outcome.acked, outcome.refusal.as_deref()), (8_500, Some("row 5 is too old")));
}

#[test]
fn a_server_that_falls_behind_is_named() {
    let impatient = Options { in_flight_max: 1, behind_max: Duration::from_secs(1), ..options() };
    let (outcome, _) = play(|_| Answer::Take(20), &impatient, never());
    assert!(matches!(outcome.ended, Ended::ServerBehind { behind } if behind > Duration::from_secs(1)));
    assert!(outcome.unsent > 0 && outcome.unconfirmed == 0);
}

#[test]
fn who_never_answers_leaves_rows_unconfirmed() {
    let (outcome, _) = play(|n| Answer::Take(if n == 999 { 1_000_000 } else { 1 }), &options(), never());
    // Tried again after 10 s, with an answer.
    assert!(outcome.acked == outcome.rows && outcome.retried == 10);
    let hasty = Options { drain_max: Duration::from_secs(5), ..options() };
    let (outcome, _) = play(|n| Answer::Take(if n == 999 { 1_000_000 } else { 1 }), &hasty, never());
    assert_eq!((outcome.unconfirmed, outcome.acked), (10, 9_990));
}

#[test]
fn a_stop_ends_it_with_everything_accounted_for() {
    let stop = async { tokio::time::sleep(Duration::from_millis(2_500)).await };
    let (outcome, _) = play(|_| Answer::Take(30), &options(), stop);
    assert_eq!((outcome.ended, outcome.unconfirmed), (Ended::Stopped, 0));
    assert!((2_400..=2_600).contains(&outcome.acked), "{}", outcome.acked);
}
