//! OTLP over gRPC.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::SERVICE_NAME;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use tonic::codegen::{Body, BoxFuture, StdError, http};
use tonic::metadata::MetadataMap;
use tonic::server::UnaryService;
use tonic::{Request, Response, Status};

use super::export::export;
use super::{ACCOUNT_HEADER, Rejected};
use crate::Frontend;
use crate::decoding::Memory;
use crate::decoding::codec::grpc;
use crate::decoding::memory::Charged;
use crate::door::{Door, Methods};

/// OTLP's `MetricsService`.
pub type OtlpService = Door<OtlpMethods>;

/// `Export`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OtlpMethods;

struct Export(Arc<Frontend>);

// === impl OtlpMethods ===

impl Methods for OtlpMethods {
    const NAME: &'static str = SERVICE_NAME;

    async fn call<B>(
        self,
        frontend: Arc<Frontend>,
        memory: Memory,
        request: http::Request<B>,
    ) -> Option<http::Response<tonic::body::Body>>
    where
        B: Body + Send + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        if request.uri().path() != "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" {
            return None;
        }
        let (mut grpc, request) = grpc(&memory, request);
        Some(grpc.unary(Export(frontend), request).await)
    }
}

// === impl Export ===

impl UnaryService<Charged<ExportMetricsServiceRequest>> for Export {
    type Response = ExportMetricsServiceResponse;
    type Future = BoxFuture<Response<ExportMetricsServiceResponse>, Status>;

    fn call(&mut self, request: Request<Charged<ExportMetricsServiceRequest>>) -> Self::Future {
        let frontend = Arc::clone(&self.0);
        Box::pin(async move {
            let account = account(request.metadata())?.to_owned();
            let Charged { message, taken } = request.into_inner();
            let response = export(&frontend, message, Rejected::default(), &account).await;
            drop(taken);
            Ok(Response::new(response?))
        })
    }
}

fn account(metadata: &MetadataMap) -> Result<&str, Status> {
    let Some(account) = metadata.get(ACCOUNT_HEADER) else { return Ok("") };
    let not_ascii = |_| Status::invalid_argument(format!("{ACCOUNT_HEADER} is not ASCII: send plain text"));
    account.to_str().map_err(not_ascii)
}
