//! Tells a receiver something: one POST of a small JSON object.
//!
//! Never: a redirect followed, a reply of more than a few KiB read, a wait beyond the time that it is given.

use std::time::Duration;

use serde_json::Value;

const REPLY_BYTES_MAX: u64 = 4 << 10;

/// 2xx is taken; anything else, a redirect among it, is not. Blocks.
pub(crate) fn post(url: &str, body: &Value, timeout: Duration) -> Result<(), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build()
        .into();
    let mut reply = agent.post(url).send_json(body).map_err(|why| why.to_string())?;
    if reply.status().is_success() {
        return Ok(());
    }
    let text = reply.body_mut().with_config().limit(REPLY_BYTES_MAX).read_to_string().unwrap_or_default();
    let said: String = text.chars().filter(|one| !one.is_control()).take(200).collect();
    Err(format!("it answered {}: {said}", reply.status()))
}

/// An address that can be told.
pub(crate) fn check(name: &str, url: &str) -> Result<(), String> {
    if url.starts_with("http://") && url.len() > "http://".len() {
        return Ok(());
    }
    Err(format!("{name} is {url:?}, must be http://HOST:PORT/PATH: this version has no TLS"))
}
