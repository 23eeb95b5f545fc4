//! The server's configuration: a plain struct, read once, checked before a port opens.
//!
//! In:   flags, `SLUICE_*` variables, `sluice.toml`, defaults, in this order.
//! Out:  [`Config`], and for every value where it came from.

mod cluster;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use frontend::decoding::memory::{MEMORY_BYTES_DEFAULT, MEMORY_BYTES_MIN};
use model::{Placement, Retention};
use serde::Deserialize;

pub(crate) use self::cluster::Cluster;
use crate::cli::{ClusterArgs, ServeArgs};
use crate::serve::data_dir::Given;
use crate::webhook;

/// The origin of what nobody asked for.
const DEFAULT: &str = "default";
const FILE_DEFAULT: &str = "sluice.toml";
/// The island keeps one more minute open than the grace may last.
const GRACE_MS_MAX: u64 = 60_000;
const RETENTION_DAYS_MAX: u32 = 3_650;
const COLD_CACHE_MB_MAX: usize = 1 << 20;

/// What a server needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) placement: Placement,
    /// Which parts of it are no defaults.
    pub(crate) given: Given,
    /// Names besides loopback's that the HTTP port answers to.
    pub(crate) http_hosts: Vec<String>,
    pub(crate) grace_ms: u64,
    pub(crate) retention_days: u32,
    pub(crate) publish_memory_bytes: usize,
    pub(crate) cold: ColdConfig,
    /// Folder of rule files; it need not be there.
    pub(crate) rules: PathBuf,
    pub(crate) alertmanager: Option<String>,
    /// The file of receivers; it need not be there.
    pub(crate) notify: PathBuf,
    /// Who raises the alarm when this server is silent.
    pub(crate) dead_man: Option<String>,
    /// Probes of its own.
    pub(crate) canary: bool,
}

/// Where old pages go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColdConfig {
    /// `None`: nowhere.
    pub(crate) object_store: Option<String>,
    /// How long they stay on this machine; `None`: for ever.
    pub(crate) hot_days: Option<u32>,
    /// Of those that were read back, in memory.
    pub(crate) cache_bytes: usize,
}

/// One value, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) origin: String,
}

/// What `sluice.toml` may hold: the same names as the flags.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    grpc: Option<String>,
    http: Option<String>,
    http_hosts: Option<String>,
    partitions: Option<u32>,
    spread: Option<u32>,
    grace_ms: Option<u64>,
    retention_days: Option<u32>,
    object_store: Option<String>,
    hot_retention_days: Option<u32>,
    cold_cache_mb: Option<usize>,
    publish_memory_mib: Option<usize>,
    rules: Option<PathBuf>,
    alertmanager: Option<String>,
    notify: Option<PathBuf>,
    dead_man: Option<String>,
    canary: Option<bool>,
    unprotected: Option<bool>,
    kafka_brokers: Option<String>,
    kafka_topic: Option<String>,
    zone: Option<String>,
    node: Option<String>,
    advertise: Option<String>,
}

// === impl Config ===

impl Config {
    /// What is kept of metrics that no rule file names.
    pub(crate) fn retention(&self) -> Retention {
        Retention::uniform(self.retention_days * 24 * 60)
    }
}

/// Reads the layers and checks the result.
pub(crate) fn load(
    args: &ServeArgs,
    cluster: &ClusterArgs,
    env: &BTreeMap<String, String>,
) -> anyhow::Result<(Config, Cluster, Vec<Setting>)> {
    let (file, file_name) = read_file(args.config.as_deref())?;
    let mut layers = Layers { env, file_name: &file_name, settings: Vec::new() };
    let cluster = cluster::resolve(cluster, &file, &mut layers)?;
    let config = resolve(args, file, &mut layers)?;
    let cluster = cluster.at(&config);
    Ok((config, cluster, layers.settings))
}

fn read_file(path: Option<&Path>) -> anyhow::Result<(File, String)> {
    let given = path.is_some();
    let path = path.unwrap_or(Path::new(FILE_DEFAULT));
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let file = toml::from_str(&text).with_context(|| format!("cannot use {}", path.display()))?;
            Ok((file, path.display().to_string()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !given => {
            Ok((File::default(), String::new()))
        }
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    }
}

fn resolve(args: &ServeArgs, file: File, layers: &mut Layers<'_>) -> anyhow::Result<Config> {
    let path = |path: &PathBuf| path.display().to_string();
    let data: String =
        layers.pick("data", args.data.as_ref().map(path), file.data.as_ref().map(path), "./sluice-data")?;
    let grpc: String = layers.pick("grpc", args.grpc.clone(), file.grpc, "127.0.0.1:4317")?;
    let http: String = layers.pick("http", args.http.clone(), file.http, "127.0.0.1:4318")?;
    let (placement, given) = placement(args, file.partitions, file.spread, layers)?;
    let http_hosts: String = layers.pick("http_hosts", args.http_hosts.clone(), file.http_hosts, "")?;
    let grace_ms = layers.pick("grace_ms", args.grace_ms, file.grace_ms, "5000")?;
    let retention_days = layers.pick("retention_days", args.retention_days, file.retention_days, "3650")?;
    let url = layers.pick("object_store", args.object_store.clone(), file.object_store, "")?;
    let days = layers.pick("hot_retention_days", args.hot_retention_days, file.hot_retention_days, "0")?;
    let cache_mb = layers.pick("cold_cache_mb", args.cold_cache_mb, file.cold_cache_mb, "64")?;
    let rules: String =
        layers.pick("rules", args.rules.as_ref().map(path), file.rules.as_ref().map(path), "./rules")?;
    let alertmanager: String =
        layers.pick("alertmanager", args.alertmanager.clone(), file.alertmanager, "")?;
    let notify: String = layers.pick(
        "notify",
        args.notify.as_ref().map(path),
        file.notify.as_ref().map(path),
        "./notify.yaml",
    )?;
    let dead_man: String = layers.pick("dead_man", args.dead_man.clone(), file.dead_man, "")?;
    let canary = layers.pick("canary", args.canary, file.canary, "true")?;
    let mib = (MEMORY_BYTES_DEFAULT >> 20).to_string();
    let memory_mib =
        layers.pick("publish_memory_mib", args.publish_memory_mib, file.publish_memory_mib, &mib)?;

    let unprotected = layers.pick("unprotected", args.unprotected, file.unprotected, "false")?;
    check_numbers(grace_ms, retention_days, memory_mib)?;
    Ok(Config {
        data: PathBuf::from(data),
        grpc: address("grpc", &grpc, unprotected)?,
        http: address("http", &http, unprotected)?,
        placement,
        given,
        http_hosts: names(&http_hosts),
        grace_ms,
        retention_days,
        cold: cold(url, days, cache_mb)?,
        publish_memory_bytes: memory_mib.saturating_mul(1 << 20),
        rules: PathBuf::from(rules),
        alertmanager: address_of("alertmanager", alertmanager)?,
        notify: PathBuf::from(notify),
        dead_man: address_of("dead_man", dead_man)?,
        canary,
    })
}

fn placement(
    args: &ServeArgs,
    partitions: Option<u32>,
    spread: Option<u32>,
    layers: &mut Layers<'_>,
) -> anyhow::Result<(Placement, Given)> {
    let partitions: u32 = layers.pick("partitions", args.partitions, partitions, "4")?;
    // One metric of a small installation should use all of it; beyond four partitions a query should not ask all.
    let spread = layers.pick("spread", args.spread, spread, &partitions.clamp(1, 4).to_string())?;
    let given = Given { partitions: layers.is_given("partitions"), spread: layers.is_given("spread") };
    Ok((Placement::new(partitions, spread)?, given))
}

fn check_numbers(grace_ms: u64, retention_days: u32, publish_memory_mib: usize) -> anyhow::Result<()> {
    if grace_ms > GRACE_MS_MAX {
        bail!(
            "grace_ms is {grace_ms}, must be at most {GRACE_MS_MAX}: later rows are merged as late ones anyway"
        );
    }
    if retention_days == 0 || retention_days > RETENTION_DAYS_MAX {
        bail!("retention_days is {retention_days}, must be from 1 to {RETENTION_DAYS_MAX}");
    }
    let mib_min = MEMORY_BYTES_MIN >> 20;
    if publish_memory_mib < mib_min {
        bail!(
            "publish_memory_mib is {publish_memory_mib}, must be at least {mib_min}: the largest request must find a place"
        );
    }
    Ok(())
}

/// Of a list by commas.
fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Who is told something; nobody when it is empty.
fn address_of(name: &str, url: String) -> anyhow::Result<Option<String>> {
    if !url.is_empty() {
        webhook::check(name, &url).map_err(anyhow::Error::msg)?;
    }
    Ok(Some(url).filter(|url| !url.is_empty()))
}

fn cold(url: String, days: u32, cache_mb: usize) -> anyhow::Result<ColdConfig> {
    if days > 0 && url.is_empty() {
        bail!(
            "hot_retention_days is {days}, and object_store says nowhere to move older pages to: set both, or neither"
        );
    }
    if days > RETENTION_DAYS_MAX {
        bail!("hot_retention_days is {days}, must be at most {RETENTION_DAYS_MAX}; 0 keeps everything here");
    }
    if cache_mb > COLD_CACHE_MB_MAX {
        bail!("cold_cache_mb is {cache_mb}, must be at most {COLD_CACHE_MB_MAX}");
    }
    Ok(ColdConfig {
        object_store: Some(url).filter(|url| !url.is_empty()),
        hot_days: Some(days).filter(|days| *days > 0),
        cache_bytes: cache_mb << 20,
    })
}

fn address(name: &str, text: &String, unprotected: bool) -> anyhow::Result<SocketAddr> {
    let address: SocketAddr = text
        .parse()
        .with_context(|| format!("{name} is {text:?}, must be an address and a port as 127.0.0.1:4317"))?;
    if !address.ip().is_loopback() && !unprotected {
        bail!(
            "{name} is {address}, which others can reach: this version has no TLS and no credentials, so it binds to loopback only, \
             unless --unprotected says that the network is yours alone"
        );
    }
    Ok(address)
}

/// Picks each value from the first layer that has it, and remembers which.
struct Layers<'a> {
    env: &'a BTreeMap<String, String>,
    file_name: &'a str,
    settings: Vec<Setting>,
}

impl Layers<'_> {
    /// Was this value, which has been picked, asked for by anybody?
    fn is_given(&self, name: &str) -> bool {
        self.settings.iter().any(|setting| setting.name == name && setting.origin != DEFAULT)
    }

    fn pick<T>(
        &mut self,
        name: &'static str,
        flag: Option<T>,
        file: Option<T>,
        default: &str,
    ) -> anyhow::Result<T>
    where
        T: std::str::FromStr + ToString,
        T::Err: std::fmt::Display,
    {
        let variable = format!("SLUICE_{}", name.to_uppercase());
        let (value, origin) = if let Some(value) = flag {
            (value.to_string(), format!("flag --{}", name.replace('_', "-")))
        } else if let Some(value) = self.env.get(&variable) {
            (value.clone(), format!("environment {variable}"))
        } else if let Some(value) = file {
            (value.to_string(), format!("file {}", self.file_name))
        } else {
            (default.to_owned(), DEFAULT.to_owned())
        };
        let parsed =
            value.parse().map_err(|error| anyhow::anyhow!("{name} is {value:?} ({origin}): {error}"))?;
        self.settings.push(Setting { name, value, origin });
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_beats_the_environment_beats_the_file() {
        let args = ServeArgs { grace_ms: Some(1), ..ServeArgs::default() };
        let env = BTreeMap::from([
            ("SLUICE_GRACE_MS".into(), "2".into()),
            ("SLUICE_HTTP".into(), "127.0.0.1:9".into()),
        ]);
        let file = File { http: Some("127.0.0.1:8".into()), partitions: Some(2), ..File::default() };
        let mut layers = layers(&env);
        let config = resolve(&args, file, &mut layers).unwrap();
        let settings = layers.settings;
        assert_eq!((config.grace_ms, config.http.port(), config.placement.partitions()), (1, 9, 2));
        assert_eq!(config.placement.spread(), 2, "the default spread follows the partitions");
        assert_eq!(config.given, Given { partitions: true, spread: false });
        let origin =
            |name: &str| settings.iter().find(|setting| setting.name == name).unwrap().origin.clone();
        assert_eq!(origin("grace_ms"), "flag --grace-ms");
        assert_eq!(origin("http"), "environment SLUICE_HTTP");
        assert_eq!(origin("partitions"), "file f.toml");
        assert_eq!(origin("data"), "default");
    }

    #[test]
    fn what_cannot_be_is_named() {
        check(&[("SLUICE_PARTITIONS", "0")], "partitions is 0");
        check(&[("SLUICE_PARTITIONS", "many")], "partitions is \"many\" (environment SLUICE_PARTITIONS)");
        check(&[("SLUICE_GRACE_MS", "70000")], "grace_ms is 70000, must be at most 60000");
        check(&[("SLUICE_HTTP", "0.0.0.0:4318")], "loopback only");
        check(&[("SLUICE_PUBLISH_MEMORY_MIB", "100")], "publish_memory_mib is 100, must be at least 768");
        check(&[("SLUICE_GRPC", "4317")], "grpc is \"4317\"");
        check(&[("SLUICE_SPREAD", "9")], "spread is 9");
        check(&[("SLUICE_HOT_RETENTION_DAYS", "7")], "object_store says nowhere");
    }

    #[track_caller]
    fn check(env: &[(&str, &str)], expected: &str) {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let error =
            format!("{:#}", resolve(&ServeArgs::default(), File::default(), &mut layers(&env)).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }

    fn layers(env: &BTreeMap<String, String>) -> Layers<'_> {
        Layers { env, file_name: "f.toml", settings: Vec::new() }
    }
}
