//! `sluice serve`: every role in one process over the embedded log.
//!
//! In:   a checked configuration. Out: two ports.
//! Kept: the data directory, locked.
//! Order: lock the data, bind the ports, open logs and stores, start islands, serve; then drain the other way round. A
//!       data directory that is not there yet is made once the ports are ours, so that a call that fails leaves nothing.

mod admin;
mod alerts;
mod books;
mod canary;
mod console;
pub(crate) mod data_dir;
mod dead_man;
mod delete;
mod grpc;
mod hosts;
mod http;
pub(crate) mod lifetimes;
mod notify;
pub(crate) mod offline;
mod own_ring;
mod partitions;
mod prometheus;
pub(crate) mod rules;
mod shut_log;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aggregator::Retentions;
use anyhow::Context as _;
use frontend::Frontend;
use frontend::decoding::Memory;
use model::Limits;
use query_coordinator::{Coordinator, Parts, QueryLimits};
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::data_dir::DataDir;
use self::hosts::Hosts;
use self::lifetimes::Lifetimes;
use self::partitions::Partitions;
use crate::config::Config;
use crate::exit::Exit;
use crate::signals;

/// Requests in flight when the word to end comes may take so long; what they had acknowledged is durable anyway.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// What the doors share.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) frontend: Arc<Frontend>,
    pub(crate) coordinator: Coordinator,
    pub(crate) partitions: Arc<Partitions>,
    pub(crate) memory: Memory,
    pub(crate) rules_refused: rules::Refused,
    pub(crate) canary: Arc<::canary::Report>,
    /// There is one that fills the report.
    pub(crate) canary_runs: bool,
    pub(crate) ring: Arc<own_ring::Ring>,
}

pub(crate) fn run(config: &Config) -> anyhow::Result<Exit> {
    let open = || DataDir::open(&config.data, config.placement, config.given);
    let locked = DataDir::is_made(&config.data).then(open).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("sluice").build();
    let runtime = runtime.context("cannot start the runtime")?;
    let ports = runtime.block_on(Ports::bind(config))?;
    let data = locked.map_or_else(open, Ok)?;
    runtime.block_on(serve(config, &data, ports))?;
    // Connections that outlived the drain are cut.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(Exit::Good)
}

/// What the doors listen on.
struct Ports {
    grpc: TcpListener,
    http: TcpListener,
}

impl Ports {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        Ok(Self { grpc: bind("grpc", config.grpc).await?, http: bind("http", config.http).await? })
    }
}

async fn serve(config: &Config, data: &DataDir, Ports { grpc, http }: Ports) -> anyhow::Result<()> {
    let lifetimes = Arc::new(Lifetimes::new(config.retention()));
    let partitions = Arc::new(Partitions::open(
        data,
        config.grace_ms,
        &config.cold,
        Arc::clone(&lifetimes) as Arc<dyn Retentions>,
    )?);
    let house = build(config, data, &partitions)?;

    let (stop, stopped) = watch::channel(());
    let mut aside = tokio::task::JoinSet::new();
    if config.canary {
        aside.spawn(canary::keep(
            grpc.local_addr()?,
            http.local_addr()?,
            data.placement,
            Arc::clone(&house.canary),
        ));
    }
    let books = tokio::spawn(books::keep(house.clone(), grpc.local_addr()?, stopped.clone()));
    let refused = Arc::clone(&house.rules_refused);
    aside.spawn(rules::keep(house.clone(), config.rules.clone(), refused, lifetimes, stopped.clone()));
    aside.spawn(own_ring::keep(house.clone(), stopped.clone()));
    if let Some(url) = config.dead_man.clone() {
        aside.spawn(dead_man::keep(house.clone(), url, stopped.clone()));
    }
    if let Some(url) = config.alertmanager.clone() {
        aside.spawn(notify::keep(Arc::clone(&partitions), url, stopped.clone()));
    }
    let mut doors = tokio::task::JoinSet::new();
    doors.spawn(grpc::serve(grpc, house.clone(), stopped.clone()));
    doors.spawn(http::serve(http, house.clone(), Hosts::new(&config.http_hosts), stopped));
    tracing::info!(data = %config.data.display(), grpc = %config.grpc, http = %config.http, partitions = data.placement.partitions(), "serving");

    tokio::select! {
        () = signals::wait() => {}
        Some(ended) = doors.join_next() => ended.context("a door panicked")??,
    }
    drain(stop, doors).await;
    books.abort();
    aside.shutdown().await;
    drop(house);
    tokio::task::spawn_blocking(move || partitions.close()).await.context("cannot close the partitions")
}

async fn bind(name: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for {name}: stop whoever uses that port, or give another with --{name}")
    })
}

fn build(config: &Config, data: &DataDir, partitions: &Arc<Partitions>) -> anyhow::Result<House> {
    let limits = Limits { retention_minutes: config.retention_days * 24 * 60, ..Limits::DEFAULT };
    let frontend = Arc::new(Frontend::new(data.placement, limits, partitions.logs())?);
    let (counting, losing) = (Arc::clone(&frontend), Arc::clone(partitions));
    let coordinator = Coordinator::new(Parts {
        placement: data.placement,
        partitions: partitions.workers(),
        limits: QueryLimits::default(),
        now: Arc::new(unix_now),
        counters: Arc::new(move || {
            let mut counters = counting.counters().snapshot();
            counters.extend(losing.drops());
            counters
        }),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: unix_now(),
    });
    let memory = Memory::new(config.publish_memory_bytes);
    let rules_refused = rules::Refused::default();
    Ok(House {
        frontend,
        coordinator,
        partitions: Arc::clone(partitions),
        memory,
        rules_refused,
        canary: Arc::default(),
        canary_runs: config.canary,
        ring: Arc::default(),
    })
}

/// No new requests; those in flight may end.
async fn drain(stop: watch::Sender<()>, mut doors: tokio::task::JoinSet<anyhow::Result<()>>) {
    drop(stop);
    let ended = tokio::time::timeout(DRAIN_MAX, async { while doors.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(seconds = DRAIN_MAX.as_secs(), "some requests did not end in time and are cut");
    }
}

/// Resolves when the word to end was given.
pub(crate) async fn ended(mut stopped: watch::Receiver<()>) {
    let _sender_dropped = stopped.changed().await;
}

pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
