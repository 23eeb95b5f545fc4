//! What both gRPC doors are to a tonic server: services made by hand instead of generated, because they count before they
//! decode.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::Status;
use tonic::body::Body as Reply;
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::server::NamedService;

use crate::Frontend;
use crate::decoding::Memory;

/// A service: the methods of one door, what they lead to, and the memory of all requests.
#[derive(Clone, Debug)]
pub struct Door<M> {
    frontend: Arc<Frontend>,
    memory: Memory,
    methods: M,
}

/// The methods of a service.
pub(crate) trait Methods: Copy + Send + 'static {
    /// Of the service, as in its paths.
    const NAME: &'static str;

    /// Answers a request; `None` when there is no such method.
    fn call<B>(
        self,
        frontend: Arc<Frontend>,
        memory: Memory,
        request: http::Request<B>,
    ) -> impl Future<Output = Option<http::Response<Reply>>> + Send
    where
        B: Body + Send + 'static,
        B::Error: Into<StdError> + Send + 'static;
}

// === impl Door ===

impl<M: Default> Door<M> {
    /// Ready for a tonic server: gzip and zstd are understood, message sizes bounded, and all requests' memory.
    #[must_use]
    pub fn server(frontend: Arc<Frontend>, memory: Memory) -> Self {
        Self { frontend, memory, methods: M::default() }
    }
}

impl<M: Methods> NamedService for Door<M> {
    const NAME: &'static str = M::NAME;
}

impl<M, B> Service<http::Request<B>> for Door<M>
where
    M: Methods,
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Reply>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let answer = self.methods.call(Arc::clone(&self.frontend), self.memory.clone(), request);
        Box::pin(async move {
            let none = || Status::unimplemented(format!("there is no method {path}")).into_http();
            Ok(answer.await.unwrap_or_else(none))
        })
    }
}
