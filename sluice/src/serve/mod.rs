//! `sluice serve`: every role in one process over the embedded log. `roles` wires the same parts for one role over Kafka.
//!
//! In:   a checked configuration. Out: two ports.
//! Kept: the data directory, locked.
//! Order: lock the data, bind the ports, open logs and stores, start islands, serve; then drain the other way round. A
//!       data directory that is not there yet is made once the ports are ours, so that a call that fails leaves nothing.

mod admin;
pub(crate) mod alerts;
mod books;
mod canary;
mod console;
pub(crate) mod data_dir;
mod dead_man;
mod delete;
mod forward;
mod grpc;
mod hosts;
mod http;
mod islands;
pub(crate) mod keeper;
pub(crate) mod lifetimes;
mod nodes;
pub(crate) mod notify;
pub(crate) mod offline;
mod own_ring;
mod owners;
mod partitions;
mod prometheus;
mod rates;
pub(crate) mod roles;
pub(crate) mod rules;
mod shut_log;

use std::collections::BTreeMap;
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
use self::nodes::Nodes;
use self::partitions::Partitions;
use crate::config::Config;
use crate::exit::Exit;
use crate::signals;

/// Requests in flight when the word to end comes may take so long; what they had acknowledged is durable anyway.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    All,
    /// Takes measurements in.
    Frontend,
    /// Owns partitions, and answers of them.
    Aggregator,
    /// Asks those that own them.
    Coordinator,
}

/// What the doors share.
#[derive(Clone)]
pub(crate) struct House {
    /// Not there where nothing is appended.
    pub(crate) frontend: Option<Arc<Frontend>>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) coordinator: Coordinator,
    pub(crate) partitions: Arc<Partitions>,
    pub(crate) memory: Memory,
    pub(crate) rules_refused: rules::Refused,
    pub(crate) canary: Arc<::canary::Report>,
    /// There is one that fills the report.
    pub(crate) canary_runs: bool,
    pub(crate) ring: Arc<own_ring::Ring>,
    pub(crate) notifier: Arc<notify::Notifier>,
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

// === impl Role ===

impl Role {
    fn publishes(self) -> bool {
        matches!(self, Self::All | Self::Frontend)
    }

    fn owns(self) -> bool {
        matches!(self, Self::All | Self::Aggregator)
    }

    /// Who has a question may ask it here.
    fn answers(self) -> bool {
        self.owns() || self == Self::Coordinator
    }

    /// One process that has everything can copy it, delete from all of it, and try the whole way through it.
    fn has_all(self) -> bool {
        self == Self::All
    }
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

async fn serve(config: &Config, data: &DataDir, ports: Ports) -> anyhow::Result<()> {
    let lifetimes = Arc::new(Lifetimes::new(config.retention()));
    let retentions = Arc::clone(&lifetimes) as Arc<dyn Retentions>;
    let partitions = Arc::new(Partitions::open(data, config, retentions)?);
    live(Role::All, config, &partitions, lifetimes, ports, None).await?;
    tokio::task::spawn_blocking(move || partitions.close()).await.context("cannot close the partitions")
}

/// From open partitions to the end of the last request. `zone` is whose owners a coordinator asks first.
async fn live(
    role: Role,
    config: &Config,
    partitions: &Arc<Partitions>,
    lifetimes: Arc<Lifetimes>,
    Ports { grpc, http }: Ports,
    zone: Option<String>,
) -> anyhow::Result<()> {
    let house = build(role, config, partitions)?;
    let (stop, stopped) = watch::channel(());
    let mut aside = tokio::task::JoinSet::new();
    if house.canary_runs {
        aside.spawn(canary::keep(
            grpc.local_addr()?,
            http.local_addr()?,
            partitions.placement,
            Arc::clone(&house.canary),
        ));
    }
    aside.spawn(own_ring::keep(house.clone(), stopped.clone()));
    if role.publishes() {
        aside.spawn(books::keep(house.clone(), grpc.local_addr()?, stopped.clone()));
    }
    if let Some(zone) = zone {
        let (nodes, partitions) = (Arc::clone(&house.nodes), Arc::clone(partitions));
        aside.spawn(nodes::keep(nodes, partitions, zone, stopped.clone()));
    }
    if role.publishes() || role.owns() {
        aside.spawn(rules::keep(house.clone(), config.rules.clone(), lifetimes, stopped.clone()));
    }
    if role.owns() {
        aside.spawn(forward::keep(house.clone(), stopped.clone()));
        if let Some(url) = config.dead_man.clone() {
            aside.spawn(dead_man::keep(house.clone(), url, stopped.clone()));
        }
        // A receiver is told of a group by one process: over several its alerts would be, and end, by halves.
        let receivers = role.has_all().then(|| config.notify.clone());
        let notifier = Arc::clone(&house.notifier);
        let partitions = Arc::clone(partitions);
        aside.spawn(notifier.run(partitions, receivers, config.alertmanager.clone(), stopped.clone()));
    }
    let mut doors = tokio::task::JoinSet::new();
    doors.spawn(grpc::serve(role, grpc, house.clone(), stopped.clone()));
    doors.spawn(http::serve(role, http, house, Hosts::new(&config.http_hosts), stopped));
    tracing::info!(?role, data = %config.data.display(), grpc = %config.grpc, http = %config.http, partitions = partitions.placement.partitions(), "serving");

    tokio::select! {
        () = signals::wait() => {}
        Some(ended) = doors.join_next() => ended.context("a door panicked")??,
    }
    drain(stop, doors).await;
    aside.shutdown().await;
    Ok(())
}

async fn bind(name: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for {name}: stop whoever uses that port, or give another with --{name}")
    })
}

fn build(role: Role, config: &Config, partitions: &Arc<Partitions>) -> anyhow::Result<House> {
    let limits = Limits { retention_minutes: config.retention_days * 24 * 60, ..Limits::DEFAULT };
    let appends = role != Role::Coordinator;
    let frontend = || Frontend::new(partitions.placement, limits, partitions.logs()).map(Arc::new);
    let frontend = appends.then(frontend).transpose()?;
    let (counting, losing, nodes) = (frontend.clone(), Arc::clone(partitions), Arc::new(Nodes::default()));
    let here = if role == Role::Coordinator { BTreeMap::new() } else { partitions.workers() };
    let parts = Parts {
        placement: partitions.placement,
        partitions: here,
        limits: QueryLimits::default(),
        now: Arc::new(unix_now),
        counters: Arc::new(move || {
            let counted = counting.iter().flat_map(|frontend| frontend.counters().snapshot());
            counted.chain(losing.drops()).collect()
        }),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: unix_now(),
    };
    let coordinator = Coordinator::with_fleet(parts, Arc::clone(&nodes.fleet));
    let memory = Memory::new(config.publish_memory_bytes);
    let rules_refused = rules::Refused::default();
    Ok(House {
        frontend,
        nodes,
        coordinator,
        partitions: Arc::clone(partitions),
        memory,
        rules_refused,
        canary: Arc::default(),
        canary_runs: config.canary && role.has_all(),
        ring: Arc::default(),
        notifier: Arc::new(notify::Notifier::open(&config.data)),
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
