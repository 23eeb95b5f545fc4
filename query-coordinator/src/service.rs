//! `sluice.v1.Query` over gRPC: a thin skin over the coordinator.

use proto::v1;
use tonic::{Request, Response, Status};

use crate::{Coordinator, QueryError};

#[tonic::async_trait]
impl v1::query_server::Query for Coordinator {
    async fn top(&self, request: Request<v1::TopRequest>) -> Result<Response<v1::TopReply>, Status> {
        Ok(Response::new(Self::top(self, request.into_inner()).await?))
    }

    async fn series(&self, request: Request<v1::SeriesRequest>) -> Result<Response<v1::SeriesReply>, Status> {
        Ok(Response::new(Self::series(self, request.into_inner()).await?))
    }

    async fn hints(&self, request: Request<v1::HintsRequest>) -> Result<Response<v1::HintsReply>, Status> {
        Ok(Response::new(Self::hints(self, request.into_inner()).await?))
    }

    async fn metrics(
        &self,
        request: Request<v1::MetricsRequest>,
    ) -> Result<Response<v1::MetricsReply>, Status> {
        Ok(Response::new(Self::metrics(self, request.into_inner()).await?))
    }

    async fn dimensions(
        &self,
        request: Request<v1::DimensionsRequest>,
    ) -> Result<Response<v1::DimensionsReply>, Status> {
        Ok(Response::new(Self::dimensions(self, request.into_inner()).await?))
    }

    async fn publisher_account(
        &self,
        request: Request<v1::PublisherAccountRequest>,
    ) -> Result<Response<v1::PublisherAccountReply>, Status> {
        Ok(Response::new(Self::publisher_account(self, request.into_inner()).await?))
    }

    async fn health(&self, _: Request<v1::HealthRequest>) -> Result<Response<v1::HealthReply>, Status> {
        Ok(Response::new(Self::health(self).await))
    }
}

impl From<QueryError> for Status {
    fn from(error: QueryError) -> Self {
        let text = format!("{error}: {}", error.hint());
        match error {
            QueryError::Invalid { .. } => Self::invalid_argument(text),
            QueryError::TooManyPoints { .. }
            | QueryError::TooManyGroups { .. }
            | QueryError::TooManySketches { .. }
            | QueryError::TooManyBytes { .. }
            | QueryError::TooLargeAnswer { .. }
            | QueryError::Busy { .. } => Self::resource_exhausted(text),
            QueryError::Bug(_) => Self::internal(text),
        }
    }
}
