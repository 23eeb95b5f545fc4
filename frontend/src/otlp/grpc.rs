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
use crate::decoding::codec::grpc;

/// The service, made by hand instead of generated, because it counts before it decodes.
#[derive(Clone, Debug)]
pub struct OtlpService {
    frontend: Arc<Frontend>,
}

struct Export(Arc<Frontend>);

// === impl OtlpService ===

impl OtlpService {
    /// Ready for a tonic server: gzip and zstd are understood, message sizes bounded.
    #[must_use]
    pub fn server(frontend: Arc<Frontend>) -> Self {
        Self { frontend }
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
        let frontend = Arc::clone(&self.frontend);
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
                    grpc().unary(Export(frontend), request).await
                }
                path => Status::unimplemented(format!("there is no method {path}")).into_http(),
            })
        })
    }
}

// === impl Export ===

impl UnaryService<ExportMetricsServiceRequest> for Export {
    type Response = ExportMetricsServiceResponse;
    type Future = BoxFuture<Response<ExportMetricsServiceResponse>, Status>;

    fn call(&mut self, request: Request<ExportMetricsServiceRequest>) -> Self::Future {
        let frontend = Arc::clone(&self.0);
        Box::pin(async move {
            let account = account(request.metadata())?.to_owned();
            Ok(Response::new(export(&frontend, request.into_inner(), &account).await?))
        })
    }
}

fn account(metadata: &MetadataMap) -> Result<&str, Status> {
    let Some(account) = metadata.get(ACCOUNT_HEADER) else { return Ok("") };
    let not_ascii = |_| Status::invalid_argument(format!("{ACCOUNT_HEADER} is not ASCII: send plain text"));
    account.to_str().map_err(not_ascii)
}
