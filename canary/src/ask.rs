//! The questions, over the public doors: gRPC, and the page of alerts over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{QueryClient, QueryError, v1};
use model::Minute;
use serde_json::Value;

use crate::limits::{ACCOUNT, ASK_TIMEOUT, PAGE_BYTES_MAX, PULSE_RULE};
use crate::seen::{SAMPLINGS, Seen};
use crate::watch::AlertsSeen;

/// Asks, and connects when it has to.
pub(crate) struct Asker {
    grpc: String,
    http: String,
    client: Option<QueryClient>,
}

/// Rows by partition, and how complete they are.
pub(crate) struct Answer {
    pub(crate) rows: BTreeMap<u32, Seen>,
    pub(crate) completeness: f64,
}

// === impl Asker ===

impl Asker {
    pub(crate) fn new(grpc: String, http: String) -> Self {
        Self { grpc, http, client: None }
    }

    pub(crate) async fn probes(
        &mut self,
        metric: &str,
        minute: Minute,
        include_open: bool,
        partitions: u32,
    ) -> Result<Answer, String> {
        let pivot =
            |sampling: &&str| v1::Pivot { metric: metric.to_owned(), sampling: (*sampling).to_owned() };
        let ask = v1::TopRequest {
            metric: metric.to_owned(),
            by: vec!["partition".to_owned()],
            rank: SAMPLINGS[0].to_owned(),
            n: partitions,
            from: minute.unix_seconds(),
            to: minute.next().unix_seconds(),
            pivot: SAMPLINGS[1..].iter().map(pivot).collect(),
            include_open,
            ..v1::TopRequest::default()
        };
        let mut client = self.client().await.map_err(|why| why.to_string())?;
        let reply = client.top(ask).await.map_err(|why| why.to_string())?;
        Ok(Answer {
            rows: reply.rows.iter().filter_map(Seen::of).collect(),
            completeness: reply.completeness.map_or(0.0, |completeness| completeness.ratio),
        })
    }

    /// The newest sealed minute of each partition that has one.
    pub(crate) async fn sealed(&mut self) -> Result<Vec<(u32, Minute)>, String> {
        let mut client = self.client().await.map_err(|why| why.to_string())?;
        let health = client.health().await.map_err(|why| why.to_string())?;
        let sealed = health.partitions.iter().filter(|one| one.sealed_through > 0);
        Ok(sealed.map(|one| (one.partition, minute_of(one.sealed_through))).collect())
    }

    pub(crate) async fn alerts(&self) -> Result<AlertsSeen, String> {
        let url = format!("{}/v1/alerts", self.http.trim_end_matches('/'));
        let page = tokio::task::spawn_blocking(move || get(&url)).await.map_err(|why| why.to_string())??;
        Ok(alerts_seen(&page))
    }

    async fn client(&mut self) -> Result<QueryClient, QueryError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = QueryClient::connect(&self.grpc, ACCOUNT).await?.timeout(ASK_TIMEOUT);
        self.client = Some(client.clone());
        Ok(client)
    }
}

fn get(url: &str) -> Result<Value, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(ASK_TIMEOUT + Duration::from_secs(1)))
        .max_redirects(0)
        .build()
        .into();
    let mut reply = agent.get(url).call().map_err(|why| why.to_string())?;
    let text = reply.body_mut().with_config().limit(PAGE_BYTES_MAX).read_to_string();
    serde_json::from_str(&text.map_err(|why| why.to_string())?).map_err(|why| why.to_string())
}

/// Of `GET /v1/alerts`: partitions in their order, and the alerts of the pulse's rule.
fn alerts_seen(page: &Value) -> AlertsSeen {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let pulse = |alert: &Value| {
        let ours = alert["rule"] == PULSE_RULE && alert["account"] == ACCOUNT && alert["firing"] == true;
        let partition = alert["dims"]["partition"].as_str()?.parse().ok()?;
        ours.then_some((partition, alert["value"].as_f64()?))
    };
    AlertsSeen {
        sealed_through: list(&page["sealed_through"]).iter().map(|at| at.as_u64().map(minute_of)).collect(),
        pulses: list(&page["alerts"]).iter().filter_map(pulse).collect(),
    }
}

fn minute_of(unix_seconds: u64) -> Minute {
    Minute(u32::try_from(unix_seconds / 60).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_pulse_of_our_account_counts() {
        let alert = |rule: &str, account: &str, firing: bool, partition: &str| json!({"rule": rule, "account": account, "firing": firing, "value": 7.0, "dims": {"partition": partition}});
        let page = json!({"sealed_through": [120, null], "alerts": [
            alert(PULSE_RULE, ACCOUNT, true, "1"),
            alert(PULSE_RULE, "default", true, "2"),
            alert("other", ACCOUNT, true, "3"),
            alert(PULSE_RULE, ACCOUNT, false, "4"),
            alert(PULSE_RULE, ACCOUNT, true, "no number"),
        ]});
        let seen = alerts_seen(&page);
        assert_eq!(seen.pulses, BTreeMap::from([(1, 7.0)]));
        assert_eq!(seen.sealed_through, [Some(Minute(2)), None]);
        assert!(alerts_seen(&json!("an error page")).pulses.is_empty());
    }
}
