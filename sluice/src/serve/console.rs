//! The console page: three files, compiled in.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// Only our own files and our own API; nothing inline, nothing from elsewhere.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(|| file("text/html; charset=utf-8", include_str!("../../../console/index.html"))))
        .route(
            "/console.css",
            get(|| file("text/css; charset=utf-8", include_str!("../../../console/console.css"))),
        )
        .route(
            "/console.js",
            get(|| file("text/javascript; charset=utf-8", include_str!("../../../console/console.js"))),
        )
}

async fn file(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
