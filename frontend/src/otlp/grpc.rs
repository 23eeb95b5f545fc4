//! OTLP over gRPC.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

use super::ACCOUNT_HEADER;
use super::export::export;
use crate::Frontend;
use crate::publish::MESSAGE_BYTES_MAX;

/// The service.
#[derive(Clone, Debug)]
pub struct OtlpService {
    frontend: Arc<Frontend>,
}

impl OtlpService {
    /// Ready for a tonic server: gzip and zstd are understood, message sizes bounded.
    #[must_use]
    pub fn server(frontend: Arc<Frontend>) -> MetricsServiceServer<Self> {
        MetricsServiceServer::new(Self { frontend })
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl MetricsService for OtlpService {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let account =
            request.metadata().get(ACCOUNT_HEADER).map(|account| account.to_str().map(str::to_owned));
        let account = account.transpose().map_err(|_| {
            Status::invalid_argument(format!("{ACCOUNT_HEADER} is not ASCII: send plain text"))
        })?;
        let account = account.unwrap_or_default();
        Ok(Response::new(export(&self.frontend, request.into_inner(), &account).await?))
    }
}
