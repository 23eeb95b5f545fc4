//! Partitions of other nodes, over gRPC on loopback: the same answers as in one process, and what is said of nodes that are
//! slow, gone or of another mind.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod house;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hints_index::HintsIndex;
use house::worlds::{Ask, FIRST, TopAsk, World, samplings, steps_asked, top_asks, worlds};
use house::{Plan, Room, Row, Upkeep, coordinator, parts, rooms};
use model::{Aggregate, Minute, Number, Scalars};
use proptest::prelude::*;
use proto::v1;
use proto::v1::worker_client::WorkerClient;
use query_coordinator::{
    Coordinator, Fleet, Owner, Partition, PartitionError, PublisherRows, QueryError, QueryLimits, Reading,
    WorkerService,
};
use store::{EachBatch, Scan, ScanStats, StoreError};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What happens in milliseconds, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

const DECLARED: &str = "sluice.publisher.rows_built";

const PLAN: Plan = Plan {
    partitions: 4,
    spread: 4,
    sealed_through: FIRST + 4,
    now: FIRST + 6,
    known_from: 0,
    upkeep: Upkeep::Nothing,
};

// === nodes ===

type Rooms = BTreeMap<u32, Arc<dyn Partition>>;

/// A process that owns these; where it answers.
async fn node(plan: Plan, partitions: Rooms) -> String {
    let owner = Coordinator::new(parts(plan, partitions, QueryLimits::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(WorkerService::server(&owner));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address.to_string()
}

/// It takes connections and says nothing, as a process that was stopped does.
async fn hung() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    address.to_string()
}

/// An address where nobody listens.
async fn gone() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

fn shared(rooms: BTreeMap<u32, Room>) -> Rooms {
    rooms.into_iter().map(|(partition, room)| (partition, Arc::new(room) as Arc<dyn Partition>)).collect()
}

/// A coordinator that owns nothing; of each partition the addresses of its owners.
fn over(plan: Plan, owners: &BTreeMap<u32, Vec<String>>, limits: QueryLimits) -> Coordinator {
    let fleet = Arc::new(Fleet::default());
    let owner = |address: &String| Owner { node: "n".into(), address: address.clone() };
    fleet.set(&owners.iter().map(|(at, all)| (*at, all.iter().map(owner).collect())).collect());
    Coordinator::with_fleet(parts(plan, Rooms::new(), limits), fleet)
}

/// The same rooms twice: in one process, and shared by two nodes.
async fn both(plan: Plan, rows: &[Row], limits: &QueryLimits) -> (Coordinator, Coordinator) {
    let applied = [(FIRST, 4), (FIRST + 2, 1)];
    let local = coordinator(plan, rooms(plan, rows, &applied), limits.clone());
    let (even, odd): (Rooms, Rooms) =
        shared(rooms(plan, rows, &applied)).into_iter().partition(|(at, _)| at % 2 == 0);
    let nodes = [node(plan, even).await, node(plan, odd).await];
    let owners = (0..plan.partitions).map(|at| (at, vec![nodes[at as usize % 2].clone()])).collect();
    (local, over(plan, &owners, limits.clone()))
}

// === the same answers ===

fn check_same(world: &World, top: &TopAsk, (sampling, step): (&str, u32), of: &str) {
    let mut rows = world.rows.clone();
    rows.extend((0..3).map(|at| row(DECLARED, "agent", FIRST + at, 5)));
    let limits = QueryLimits { series_max: 5, ..QueryLimits::default() };
    RUNTIME.block_on(async {
        let (local, remote) = both(world.plan(), &rows, &limits).await;
        let request = top.request();
        assert_eq!(untimed(remote.top(request.clone()).await), untimed(local.top(request).await));
        let request = series(&top.ask, sampling, step);
        assert_eq!(untimed(remote.series(request.clone()).await), untimed(local.series(request).await));
        let request = hints(&top.ask, of, top.n);
        assert_eq!(untimed(remote.hints(request.clone()).await), untimed(local.hints(request).await));
        let request = metrics(&top.ask);
        assert_eq!(remote.metrics(request.clone()).await, local.metrics(request).await);
        let request = dimensions(&top.ask);
        assert_eq!(remote.dimensions(request.clone()).await, local.dimensions(request).await);
    });
}

/// All but how long it took.
trait Untimed {
    fn stats(&mut self) -> Option<&mut v1::Stats>;
}

impl Untimed for v1::TopReply {
    fn stats(&mut self) -> Option<&mut v1::Stats> {
        self.stats.as_mut()
    }
}

impl Untimed for v1::SeriesReply {
    fn stats(&mut self) -> Option<&mut v1::Stats> {
        self.stats.as_mut()
    }
}

impl Untimed for v1::HintsReply {
    fn stats(&mut self) -> Option<&mut v1::Stats> {
        self.stats.as_mut()
    }
}

fn untimed<T: Untimed>(reply: Result<T, QueryError>) -> Result<T, QueryError> {
    reply.map(|mut reply| {
        reply.stats().unwrap().ms = 0.0;
        reply
    })
}

fn series(ask: &Ask, sampling: &str, step: u32) -> v1::SeriesRequest {
    v1::SeriesRequest {
        metric: "m".into(),
        by: ask.names(),
        sampling: sampling.into(),
        step_seconds: step * 60,
        r#where: ask.matchers.clone(),
        from: u64::from(ask.from) * 60,
        to: u64::from(ask.to) * 60,
        include_open: ask.include_open,
        ..Default::default()
    }
}

fn hints(ask: &Ask, of: &str, limit: u32) -> v1::HintsRequest {
    v1::HintsRequest {
        metric: "m".into(),
        select: ask.matchers.clone(),
        of: of.into(),
        from: u64::from(ask.from) * 60,
        to: u64::from(ask.to) * 60,
        limit,
        include_open: ask.include_open,
        ..Default::default()
    }
}

fn metrics(ask: &Ask) -> v1::MetricsRequest {
    let (from, to, include_open) = (u64::from(ask.from) * 60, u64::from(ask.to) * 60, ask.include_open);
    v1::MetricsRequest { from, to, include_open, ..Default::default() }
}

fn dimensions(ask: &Ask) -> v1::DimensionsRequest {
    let (from, to, include_open) = (u64::from(ask.from) * 60, u64::from(ask.to) * 60, ask.include_open);
    v1::DimensionsRequest { metric: "m".into(), from, to, include_open, ..Default::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn nodes_answer_as_one_process(
        world in worlds(), top in top_asks(), sampling in samplings(), step in steps_asked(), of in "[abcd]",
    ) {
        check_same(&world, &top, (sampling, step), &of);
    }
}

// === what is missing, slow or too much ===

fn row(metric: &'static str, api: &str, minute: u32, sum: i64) -> Row {
    Row {
        metric,
        dims: vec![("Api".into(), api.into())],
        minute,
        aggregate: Aggregate::of(Scalars::of(Number::Int(sum))),
        seal: 0,
        open: false,
    }
}

fn some_rows() -> Vec<Row> {
    (0..40).map(|at| row("m", &format!("api-{at}"), FIRST + at % 3, i64::from(at) + 1)).collect()
}

fn top() -> v1::TopRequest {
    v1::TopRequest {
        metric: "m".into(),
        by: vec!["Api".into()],
        rank: "sum".into(),
        n: 50,
        from: u64::from(FIRST) * 60,
        to: u64::from(FIRST + 3) * 60,
        ..Default::default()
    }
}

/// Partition 3 is elsewhere than the others.
async fn with_partition_3_at(others: &[String], limits: QueryLimits) -> Coordinator {
    let mut rooms = rooms(PLAN, &some_rows(), &[]);
    rooms.remove(&3);
    let node = node(PLAN, shared(rooms)).await;
    let mut owners: BTreeMap<u32, Vec<String>> = (0..3).map(|at| (at, vec![node.clone()])).collect();
    owners.insert(3, others.to_vec());
    over(PLAN, &owners, limits)
}

fn short() -> QueryLimits {
    QueryLimits { deadline: Duration::from_secs(3), ..QueryLimits::default() }
}

/// The only reason that an answer is partial.
#[track_caller]
fn reason(reply: &v1::TopReply) -> String {
    let complete = reply.completeness.as_ref().unwrap();
    assert_eq!((complete.partitions_asked, complete.partitions_answered), (4, 3), "{complete:?}");
    assert!(complete.partial && complete.reasons.len() == 1, "{complete:?}");
    complete.reasons[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_hung_or_gone_is_named_and_the_others_answer() {
    let whole = coordinator(PLAN, rooms(PLAN, &some_rows(), &[]), QueryLimits::default());
    let whole = whole.top(top()).await.unwrap();
    for address in [hung().await, gone().await, "no address".to_owned()] {
        let coordinator = with_partition_3_at(std::slice::from_ref(&address), short()).await;
        for _ in 0..2 {
            // The second time a node that was silent is known to be.
            let reply = tokio::time::timeout(PATIENCE, coordinator.top(top())).await.unwrap().unwrap();
            let reason = reason(&reply);
            assert!(reason.starts_with("partition 3 did not answer: "), "{reason}");
            assert!(reason.contains(&format!("node n at {address}")), "{reason}");
            assert!(!reply.rows.is_empty() && reply.rows.len() < whole.rows.len());
            assert!(reply.rows.iter().all(|row| whole.rows.contains(row)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_is_missing_only_when_everybody_says_so() {
    let unknown = || v1::TopRequest { metric: "none".into(), ..top() };
    let whole = coordinator(PLAN, rooms(PLAN, &some_rows(), &[]), QueryLimits::default());
    assert!(whole.top(unknown()).await.unwrap().warnings[0].contains("has no metric none"));
    let coordinator = with_partition_3_at(&[gone().await], short()).await;
    let reply = coordinator.top(unknown()).await.unwrap();
    assert_eq!((reply.warnings.as_slice(), reply.rows.len()), (&[][..], 0), "{reply:?}");
    assert!(reason(&reply).starts_with("partition 3 did not answer: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_that_has_the_partition_is_asked_instead() {
    let whole = coordinator(PLAN, rooms(PLAN, &some_rows(), &[]), QueryLimits::default());
    let whole = untimed(whole.top(top()).await);
    for first in [hung().await, gone().await] {
        let mut rooms = rooms(PLAN, &some_rows(), &[]);
        rooms.retain(|partition, _| *partition == 3);
        let second = node(PLAN, shared(rooms)).await;
        let coordinator = with_partition_3_at(&[first, second], QueryLimits::default()).await;
        assert_eq!(untimed(coordinator.top(top()).await), whole);
        assert_eq!(untimed(coordinator.top(top()).await), whole, "and first, when the other was silent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_says_against_it_comes_with_its_name() {
    for (why, expected) in [
        (PartitionError::Recovering, "it is recovering"),
        (PartitionError::Unreachable("another node owns it".into()), "another node owns it"),
    ] {
        let mut rooms = rooms(PLAN, &some_rows(), &[]);
        rooms.retain(|partition, _| *partition == 3);
        rooms.get_mut(&3).unwrap().broken = Some(why);
        let address = node(PLAN, shared(rooms)).await;
        let coordinator = with_partition_3_at(std::slice::from_ref(&address), short()).await;
        let reason = reason(&coordinator.top(top()).await.unwrap());
        assert!(reason.contains(&format!("node n at {address}: ")) && reason.contains(expected), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_the_querys_whoever_meets_them() {
    for limits in [
        QueryLimits { points_max: 25, ..QueryLimits::default() },
        QueryLimits { groups_max: 25, ..QueryLimits::default() },
    ] {
        let (local, remote) = both(PLAN, &some_rows(), &limits).await;
        // No partition has as many; all together have more.
        let (local, remote) = (local.top(top()).await.unwrap_err(), remote.top(top()).await.unwrap_err());
        assert_eq!((local.code(), local.hint()), (remote.code(), remote.hint()));
        assert_ne!(remote.code(), "internal");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_accounts_come_from_the_owners() {
    let mut rooms = rooms(PLAN, &some_rows(), &[]);
    rooms.get_mut(&1).unwrap().broken = Some(PartitionError::Recovering);
    rooms.remove(&2);
    let address = node(PLAN, shared(rooms)).await;
    let owners = (0..3).map(|at| (at, vec![address.clone()])).collect();
    let coordinator = over(PLAN, &owners, short());
    let request = v1::PublisherAccountRequest { publisher: 5_u128.to_be_bytes().to_vec(), epoch: 7 };
    let account = coordinator.publisher_account(request).await.unwrap();
    assert_eq!((account.rows_applied, account.rows_duplicate, account.rows_dropped), (5, 7, 1));
    assert_eq!((account.partitions_asked, account.partitions_answered), (4, 1));
    let health = coordinator.health().await;
    let states: Vec<_> = health.partitions.iter().map(|one| one.state.as_str()).collect();
    assert_eq!(states, ["serving", "serving", "failed", "failed"]);
    assert!(
        health.partitions[2].detail.contains(&format!("node n at {address}: there is no partition 2 here"))
    );
    assert_eq!(health.partitions[3].detail, "no worker holds it");
}

// === who stops waiting stops the work ===

/// Its blocks never end.
struct Endless {
    room: Room,
    at_work: Arc<AtomicBool>,
}

struct EndlessReading {
    inner: Arc<dyn Reading>,
    at_work: Arc<AtomicBool>,
}

impl Partition for Endless {
    fn pin(&self, open: bool, metrics: &[(String, String)]) -> Result<Arc<dyn Reading>, PartitionError> {
        let (inner, at_work) = (self.room.pin(open, metrics)?, Arc::clone(&self.at_work));
        Ok(Arc::new(EndlessReading { inner, at_work }))
    }

    fn publisher(&self, publisher: u128, epoch: u64) -> Result<PublisherRows, PartitionError> {
        self.room.publisher(publisher, epoch)
    }

    fn health(&self) -> v1::PartitionHealth {
        self.room.health()
    }
}

impl Reading for EndlessReading {
    fn hints(&self) -> &HintsIndex {
        self.inner.hints()
    }

    fn sealed_through(&self) -> Option<Minute> {
        self.inner.sealed_through()
    }

    fn rows_applied(&self, account: &str, minute: Minute) -> u64 {
        self.inner.rows_applied(account, minute)
    }

    fn rows_known_from(&self) -> Minute {
        self.inner.rows_known_from()
    }

    fn scan(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        self.at_work.store(true, Ordering::SeqCst);
        let mut is_over = false;
        while !is_over {
            std::thread::sleep(Duration::from_millis(1));
            self.inner.scan(wanted, &mut |batch| {
                let flow = each(batch)?;
                is_over = flow.is_break();
                Ok(flow)
            })?;
        }
        self.at_work.store(false, Ordering::SeqCst);
        Ok(ScanStats::default())
    }

    fn scan_unsealed(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        self.inner.scan_unsealed(wanted, each)
    }
}

/// Where partition 3 is and never ends, and whether it is at work.
async fn endless() -> (String, Arc<AtomicBool>) {
    let at_work = Arc::new(AtomicBool::new(false));
    let room = rooms(PLAN, &some_rows(), &[]).remove(&3).unwrap();
    let partition = Arc::new(Endless { room, at_work: Arc::clone(&at_work) }) as Arc<dyn Partition>;
    (node(PLAN, Rooms::from([(3, partition)])).await, at_work)
}

async fn becomes(flag: &AtomicBool, expected: bool) {
    let until = async {
        while flag.load(Ordering::SeqCst) != expected {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, until).await.expect("it never does");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_an_end_is_left_out_by_name_and_ended() {
    let (address, at_work) = endless().await;
    let coordinator = with_partition_3_at(std::slice::from_ref(&address), short()).await;
    let reason = reason(&coordinator.top(top()).await.unwrap());
    assert_eq!(
        reason,
        format!(
            "partition 3 did not answer: not in time: a query may take 3000 ms; asked was node n at {address}"
        )
    );
    becomes(&at_work, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_nobody_waits_for_ends_at_the_owners() {
    let (address, at_work) = endless().await;
    let coordinator = with_partition_3_at(&[address], QueryLimits::default()).await;
    let query = tokio::spawn(async move { coordinator.top(top()).await });
    becomes(&at_work, true).await;
    query.abort();
    becomes(&at_work, false).await;
}

// === the lease itself ===

fn pin(version: u32, time_left_ms: u64) -> v1::LeaseAsk {
    let pin =
        v1::Pin { version, partition: 0, from: FIRST, to: FIRST + 1, time_left_ms, ..Default::default() };
    v1::LeaseAsk { ask: Some(v1::lease_ask::Ask::Pin(pin)) }
}

/// What is said to these asks, on a stream that is kept open.
async fn said(asks: Vec<v1::LeaseAsk>) -> Vec<Result<v1::lease_said::Said, tonic::Status>> {
    let address = node(PLAN, shared(rooms(PLAN, &some_rows(), &[]))).await;
    let mut client = WorkerClient::connect(format!("http://{address}")).await.unwrap();
    let asks = tokio_stream::iter(asks).chain(tokio_stream::pending());
    let said = client.lease(asks).await.unwrap().into_inner();
    let all = said.map(|said| said.map(|said| said.said.unwrap())).collect();
    tokio::time::timeout(PATIENCE, all).await.expect("a lease ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_ends_when_its_time_is_over() {
    let said = said(vec![pin(1, 200)]).await;
    assert!(matches!(said[0], Ok(v1::lease_said::Said::Pinned(_))), "{said:?}");
    assert_eq!(said[1].as_ref().unwrap_err().code(), tonic::Code::DeadlineExceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_job_is_an_answer_and_what_is_no_lease_its_end() {
    use v1::lease_ask::Ask;
    let ask = |ask| v1::LeaseAsk { ask: Some(ask) };
    let run = || ask(Ask::Run(v1::JobBudget::default()));
    let said =
        said(vec![pin(1, 60_000), ask(Ask::Piece(vec![0xff; 9].into())), run(), run(), pin(1, 1)]).await;
    for at in [1, 2] {
        let Ok(v1::lease_said::Said::Done(done)) = &said[at] else { panic!("{said:?}") };
        assert!(done.failure.as_ref().unwrap().message.contains("the job cannot be read"), "{said:?}");
    }
    assert_eq!(said[3].as_ref().unwrap_err().message(), "a lease holds one state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_way_of_asking_is_refused_with_what_to_do() {
    let said = said(vec![pin(2, 60_000)]).await;
    let Ok(v1::lease_said::Said::Done(done)) = &said[0] else { panic!("{said:?}") };
    assert!(done.failure.as_ref().unwrap().message.ends_with("upgrade aggregators first"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_a_size() {
    let piece = || v1::LeaseAsk { ask: Some(v1::lease_ask::Ask::Piece(vec![0; 1 << 20].into())) };
    let said = said(std::iter::once(pin(1, 60_000)).chain((0..65).map(|_| piece())).collect()).await;
    assert!(
        said.last().unwrap().as_ref().unwrap_err().message().starts_with("a job has at most"),
        "{said:?}"
    );
}
