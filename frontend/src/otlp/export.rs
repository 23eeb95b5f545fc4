//! What both doors do with a request once it is decoded.

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use proto::{ACCOUNT_DEFAULT, v1};

use super::{Converted, Rejected, convert};
use crate::counters::Fate;
use crate::publish::unix_now;
use crate::{Frontend, PublishError};

/// Messages in one reply.
const MESSAGES_MAX: usize = 16;

/// `rejected` is what did not come as far as `request`.
pub(super) async fn export(
    frontend: &Frontend,
    request: ExportMetricsServiceRequest,
    rejected: Rejected,
    account: &str,
) -> Result<ExportMetricsServiceResponse, PublishError> {
    let account = if account.is_empty() { ACCOUNT_DEFAULT } else { account };
    let mut converted = convert(&request, account);
    drop(request); // it is larger than what became of it
    converted.points += rejected.points;
    converted.rejected.merge(rejected);
    let reply = frontend.publish(&converted.batches, unix_now()).await?;
    count(frontend, account, &converted);
    Ok(response(&converted, &reply))
}

fn count(frontend: &Frontend, account: &str, converted: &Converted) {
    frontend.counters().add(account, Fate::NoRecordedValue, converted.without_value);
    for (reason, points) in converted.rejected.by_reason() {
        frontend.counters().add(account, Fate::Refused(reason), points);
    }
}

/// A summary is several rows; when they are refused each counts, but no more than there are points.
fn response(converted: &Converted, reply: &v1::PublishReply) -> ExportMetricsServiceResponse {
    let refused: u64 = reply.batches.iter().map(|batch| batch.refused).sum();
    let rejected = (converted.rejected.points + refused).min(converted.points);
    let told = reply.batches.iter().flat_map(|batch| &batch.refusals);
    let told = told.map(|refusal| format!("{}: {}", refusal.reason, refusal.message));
    let messages: Vec<String> =
        converted.rejected.messages.iter().cloned().chain(told).take(MESSAGES_MAX).collect();
    let partial_success = (rejected > 0).then(|| ExportMetricsPartialSuccess {
        rejected_data_points: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: messages.join("; "),
    });
    ExportMetricsServiceResponse { partial_success }
}
