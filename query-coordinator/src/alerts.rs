//! The alerts of partitions as of their last seals: what an island shows, in pieces for who is elsewhere, and all together.

use aggregator::{Alert, View};
use model::Minute;
use prost::Message as _;
use proto::v1;
use tokio::time::Instant;

use crate::Coordinator;
use crate::limits::PIECE_BYTES;
use crate::scatter::scatter;

/// What one partition says, or why it does not.
pub type AlertsOf = (u32, Result<v1::PartitionAlerts, String>);

pub(crate) fn alerts_of(view: &View) -> v1::PartitionAlerts {
    v1::PartitionAlerts {
        alerts: view.alerts.shown.iter().map(shown).collect(),
        left_out: view.alerts.left_out as u64,
        combinations: view.alerts.combinations,
        unwatched: view.alerts.unwatched,
        rules_version: view.alerts.version,
        transitions_waiting: view.put_out.iter().map(|one| one.rows()).sum(),
        transitions_lost: view.put_out_lost,
        sealed_through: view.sealed_through.map(Minute::unix_seconds),
    }
}

fn shown(alert: &Alert) -> v1::ShownAlert {
    let label = |(name, value): (&String, &String)| v1::Label { name: name.clone(), value: value.clone() };
    let dims = alert.dims.pairs().iter().map(|(name, value)| label((name, value)));
    v1::ShownAlert {
        rule: alert.rule.name.clone(),
        account: alert.rule.account.clone(),
        metric: alert.rule.operand.metric.clone(),
        severity: alert.rule.severity(alert.tier).to_owned(),
        state: alert.state.name().to_owned(),
        firing: alert.is_firing(),
        since: alert.fired.map(Minute::unix_seconds),
        value: alert.value,
        dims: dims.collect(),
        labels: alert.rule.label_texts(alert.tier, &alert.dims).iter().map(label).collect(),
    }
}

/// The numbers with the first alerts, then more alerts, each of about the size of a piece.
pub(crate) fn in_pieces(mut all: v1::PartitionAlerts) -> Vec<v1::PartitionAlerts> {
    let (alerts, mut bytes) = (std::mem::take(&mut all.alerts), 0);
    let mut pieces = vec![all];
    for alert in alerts {
        let len = alert.encoded_len();
        if bytes > 0 && bytes + len > PIECE_BYTES {
            pieces.push(v1::PartitionAlerts::default());
            bytes = 0;
        }
        bytes += len;
        pieces.last_mut().into_iter().for_each(|piece| piece.alerts.push(alert.clone()));
    }
    pieces
}

// === impl Coordinator ===

impl Coordinator {
    /// Of every partition.
    pub async fn alerts(&self) -> Vec<AlertsOf> {
        let asked = self.inner.workers().map(|(number, worker)| (number, worker.alerts()));
        let mut said = scatter(asked.collect(), Instant::now() + self.inner.limits.deadline).await;
        let nobody = || Err("no worker holds it".to_owned());
        let of = |partition| {
            (partition, said.remove(&partition).map_or_else(nobody, |all| all.map_err(|why| why.to_string())))
        };
        (0..self.inner.placement.partitions()).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_all_alerts_in_order() {
        for (alerts, bytes, pieces) in
            [(0, 0, 1), (3, 10, 1), (5, PIECE_BYTES / 2, 5), (2, 2 * PIECE_BYTES, 2)]
        {
            let alert = |at: usize| v1::ShownAlert {
                rule: format!("{at}{}", "x".repeat(bytes)),
                ..Default::default()
            };
            let all = v1::PartitionAlerts {
                alerts: (0..alerts).map(alert).collect(),
                left_out: 7,
                ..Default::default()
            };
            let cut = in_pieces(all.clone());
            assert_eq!((cut.len(), cut.iter().map(|piece| piece.left_out).sum::<u64>()), (pieces, 7));
            assert_eq!(cut.into_iter().flat_map(|piece| piece.alerts).collect::<Vec<_>>(), all.alerts);
        }
    }
}
