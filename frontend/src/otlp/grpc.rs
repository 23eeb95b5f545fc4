//! OTLP over gRPC.

use std::sync::Arc;
use std::task::{Context, Poll};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::SERVICE_NAME;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::metadata::MetadataMap;
use tonic::server::{NamedService, UnaryService};
use tonic::{Request, Response, Status};

use super::ACCOUNT_HEADER;
use super::export::export;
use crate::Frontend;
use crate::decoding::Memory;
use crate::decoding::codec::grpc;
use crate::decoding::memory::Charged;

/// The service, made by hand instead of generated, because it counts before it decodes.
#[derive(Clone, Debug)]
pub struct OtlpService {
    frontend: Arc<Frontend>,
    memory: Memory,
}

struct Export(Arc<Frontend>);

// === impl OtlpService ===

impl OtlpService {
    /// Ready for a tonic server: gzip and zstd are understood, message sizes bounded, and all requests' memory.
    #[must_use]
    pub fn server(frontend: Arc<Frontend>, memory: Memory) -> Self {
        Self { frontend, memory }
    }
}

impl NamedService for OtlpService {
    const NAME: &'static str = SERVICE_NAME;
}

impl<B> Service<http::Request<B>> for OtlpService
where
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (frontend, memory) = (Arc::clone(&self.frontend), self.memory.clone());
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
                    let (mut grpc, request) = grpc(&memory, request);
                    grpc.unary(Export(frontend), request).await
                }
                path => Status::unimplemented(format!("there is no method {path}")).into_http(),
            })
        })
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
            let response = export(&frontend, message, &account).await;
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
