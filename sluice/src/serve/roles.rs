//! One role in a process of its own, over Kafka. The parts are those of `serve`; the log, and which islands are open, are Kafka's
//! to say. Each starts while Kafka and all others are away.

use std::sync::Arc;
use std::time::Duration;

use aggregator::Retentions;
use anyhow::Context as _;
use partition_log::KafkaTopic;
use partition_log::kafka::{KafkaTable, Membership, Owner};
use tokio::runtime::Runtime;

use super::data_dir::DataDir;
use super::islands::Islands;
use super::keeper::Keeper;
use super::lifetimes::Lifetimes;
use super::partitions::{Partitions, islands_config, open_cold};
use super::{Ports, Role, live};
use crate::config::{Cluster, Config};
use crate::exit::Exit;

/// Takes measurements in. Keeps nothing; what it has acknowledged is in Kafka.
pub(crate) fn frontend(config: &Config, cluster: &Cluster) -> anyhow::Result<Exit> {
    let log = cluster.log(config.placement.partitions())?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let ports = Ports::bind(config).await?;
        let topic = KafkaTopic::open(log).context("cannot use Kafka")?;
        let table = KafkaTable::open(&cluster.owners()?).context("cannot use Kafka")?;
        let lifetimes = Arc::new(Lifetimes::new(config.retention()));
        let retentions = Arc::clone(&lifetimes) as Arc<dyn Retentions>;
        let islands = Arc::new(Islands::new(islands_config(config, config.placement, retentions)));
        let partitions = Arc::new(Partitions::over(topic, table, config, islands));
        live(Role::Frontend, config, &partitions, lifetimes, ports, None).await?;
        tokio::task::spawn_blocking(move || partitions.close()).await.context("cannot close the logs")
    })?;
    Ok(end(runtime))
}

/// Owns partitions: those that the group of its zone gives it.
pub(crate) fn aggregator(config: Config, cluster: &Cluster) -> anyhow::Result<Exit> {
    let open = || DataDir::open(&config.data, config.placement, config.given);
    let locked = DataDir::is_made(&config.data).then(open).transpose()?;
    cluster.log(config.placement.partitions())?; // a call that is wrong leaves nothing behind
    let runtime = runtime()?;
    let ports = runtime.block_on(Ports::bind(&config))?;
    let data = locked.map_or_else(open, Ok)?;
    let config = Config { placement: data.placement, ..config };
    runtime.block_on(own(&config, cluster, data, ports))?;
    Ok(end(runtime))
}

async fn own(config: &Config, cluster: &Cluster, data: DataDir, ports: Ports) -> anyhow::Result<()> {
    let log = cluster.log(data.placement.partitions())?;
    let topic = KafkaTopic::open(log.clone()).context("cannot use Kafka")?;
    let table = KafkaTable::open(&cluster.owners()?).context("cannot use Kafka")?;
    let lifetimes = Arc::new(Lifetimes::new(config.retention()));
    let retentions = Arc::clone(&lifetimes) as Arc<dyn Retentions>;
    let islands = Arc::new(Islands::new(islands_config(config, data.placement, retentions)));
    let (identity, cold) = (cluster.identity.clone(), open_cold(&config.cold)?);
    let group = cluster.group();
    let kafka = (Arc::clone(&topic), Arc::clone(&table));
    let keeper = Keeper::start(identity, data, kafka, Arc::clone(&islands), cold)?;
    let owner = Arc::clone(&keeper) as Arc<dyn Owner>;
    let membership = Membership::join(&log, &group, &cluster.identity.node, owner)
        .context("cannot join the group of the zone")?;
    let partitions = Arc::new(Partitions::over(topic, table, config, islands));
    live(Role::Aggregator, config, &partitions, lifetimes, ports, None).await?;
    let closed = tokio::task::spawn_blocking(move || {
        membership.leave();
        keeper.end();
        partitions.close();
    });
    closed.await.context("cannot close the partitions")
}

/// Asks those that own partitions. Keeps nothing but who they are.
pub(crate) fn coordinator(config: &Config, cluster: &Cluster) -> anyhow::Result<Exit> {
    let owners = cluster.owners()?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let ports = Ports::bind(config).await?;
        let table = KafkaTable::open(&owners).context("cannot use Kafka")?;
        let lifetimes = Arc::new(Lifetimes::new(config.retention()));
        let retentions = Arc::clone(&lifetimes) as Arc<dyn Retentions>;
        let islands = Arc::new(Islands::new(islands_config(config, config.placement, retentions)));
        let partitions = Arc::new(Partitions::elsewhere(table, config, islands));
        let zone = Some(cluster.identity.zone.clone());
        live(Role::Coordinator, config, &partitions, lifetimes, ports, zone).await?;
        tokio::task::spawn_blocking(move || partitions.close()).await.context("cannot end")
    })?;
    Ok(end(runtime))
}

fn runtime() -> anyhow::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("sluice").build();
    runtime.context("cannot start the runtime")
}

/// Connections that outlived the drain are cut.
fn end(runtime: Runtime) -> Exit {
    runtime.shutdown_timeout(Duration::from_millis(100));
    Exit::Good
}
