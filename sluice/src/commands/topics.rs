//! `sluice topics`: the topics of a cluster, as they must be.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use partition_log::kafka::{Kind, create_topic};

use crate::cli::TopicsArgs;
use crate::config;
use crate::exit::Exit;

pub(crate) fn run(args: &TopicsArgs, env: &BTreeMap<String, String>) -> anyhow::Result<Exit> {
    let (config, cluster, _) = config::load(&args.role.serve, &args.role.cluster, env)?;
    let retention = Duration::from_secs(u64::from(args.log_hours) * 3_600);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let topics = [
        (cluster.log(config.placement.partitions())?, Kind::Log { retention }),
        (cluster.owners()?, Kind::Table),
    ];
    for (topic, kind) in topics {
        let is_new = runtime.block_on(create_topic(&topic, kind, args.replicas))?;
        let what = if is_new { "created" } else { "is there already, and is left as it is" };
        println!("topic {}, {} partitions: {what}", topic.topic, topic.partitions);
    }
    Ok(Exit::Good)
}
