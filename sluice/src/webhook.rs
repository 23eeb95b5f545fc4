//! Tells a receiver something: one POST of JSON.
//!
//! Never: a redirect followed, a reply of more than a few KiB read, a wait beyond the time that it is given, an address in an
//!        error: it can be a secret.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use serde_json::Value;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

const REPLY_BYTES_MAX: u64 = 4 << 10;
/// Of a key, as <https://www.standardwebhooks.com> has it.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const KEY_PREFIX: &str = "whsec_";

/// One request, which may be tried several times.
#[derive(Debug)]
pub(crate) struct Post<'a> {
    pub(crate) url: &'a str,
    pub(crate) body: &'a Value,
    pub(crate) timeout: Duration,
    /// What is the same in every try, and what signs.
    pub(crate) signed: Option<Signed<'a>>,
    /// Certificates that are trusted instead of the public ones, as PEM.
    pub(crate) ca: Option<&'a [u8]>,
}

/// The headers of Standard Webhooks: `webhook-id`, `webhook-timestamp` and, with a key, `webhook-signature`.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) id: &'a str,
    pub(crate) key: Option<&'a Key>,
}

/// A key that signs. Says nothing of itself.
pub(crate) struct Key(hmac::Key);

/// Of a small object, unsigned. Blocks.
pub(crate) fn post(url: &str, body: &Value, timeout: Duration) -> Result<(), String> {
    Post { url, body, timeout, signed: None, ca: None }.send()
}

/// An address that can be told.
pub(crate) fn check(name: &str, url: &str) -> Result<(), String> {
    alerts::check_url(url).map(|_| ()).map_err(|why| format!("{name} {why}"))
}

// === impl Post ===

impl Post<'_> {
    /// 2xx is taken; anything else, a redirect among it, is not. Blocks.
    pub(crate) fn send(&self) -> Result<(), String> {
        let body = serde_json::to_vec(self.body).map_err(|why| why.to_string())?;
        let mut request = self.agent()?.post(self.url).header("content-type", "application/json");
        for (name, value) in self.signed.iter().flat_map(|signed| signed.headers(unix_now(), &body)) {
            request = request.header(name, value);
        }
        let mut reply = request.send(&body[..]).map_err(|why| words(&why))?;
        if reply.status().is_success() {
            return Ok(());
        }
        let text = reply.body_mut().with_config().limit(REPLY_BYTES_MAX).read_to_string().unwrap_or_default();
        let said: String = text.chars().filter(|one| !one.is_control()).take(200).collect();
        Err(format!("it answered {}: {said}", reply.status()))
    }

    fn agent(&self) -> Result<ureq::Agent, String> {
        let roots = match self.ca {
            None => RootCerts::WebPki,
            Some(pem) => RootCerts::new_with_certs(&certificates(pem)?),
        };
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(self.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(TlsConfig::builder().root_certs(roots).build());
        Ok(config.build().into())
    }
}

/// Without the address.
fn words(why: &ureq::Error) -> String {
    match why {
        ureq::Error::BadUri(_) | ureq::Error::InvalidProxyUrl => "the address is none".to_owned(),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        why => why.to_string(),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let items = parse_pem(pem).collect::<Result<Vec<_>, _>>().map_err(|why| format!("ca_file: {why}"))?;
    let of_ca = |item| if let PemItem::Certificate(one) = item { Some(one) } else { None };
    let found: Vec<_> = items.into_iter().filter_map(of_ca).collect();
    if found.is_empty() { Err("ca_file has no certificate in PEM".to_owned()) } else { Ok(found) }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

// === impl Signed ===

impl Signed<'_> {
    /// The timestamp is that of this try.
    fn headers(&self, now: u64, body: &[u8]) -> Vec<(&'static str, String)> {
        let mut headers = vec![("webhook-id", self.id.to_owned()), ("webhook-timestamp", now.to_string())];
        headers.extend(self.key.map(|key| ("webhook-signature", key.signature(self.id, now, body))));
        headers
    }
}

// === impl Key ===

impl Key {
    /// `whsec_` and base64 of 24 to 64 bytes; the first may be left out.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bytes = BASE64_STANDARD.decode(text.strip_prefix(KEY_PREFIX).unwrap_or(text));
        match bytes {
            Ok(bytes) if KEY_BYTES.contains(&bytes.len()) => {
                Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
            }
            Ok(bytes) => Err(format!(
                "the key has {} bytes, must have from {} to {}",
                bytes.len(),
                KEY_BYTES.start(),
                KEY_BYTES.end()
            )),
            Err(_) => {
                Err("the key is no base64: make one with `echo whsec_$(openssl rand -base64 32)`".to_owned())
            }
        }
    }

    fn signature(&self, id: &str, now: u64, body: &[u8]) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        signing.update(format!("{id}.{now}.").as_bytes());
        signing.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(signing.sign()))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            key.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{key:?}"), "Key(…)");
    }

    #[test]
    fn a_key_that_cannot_be_is_refused_without_being_shown() {
        for (text, expected) in [
            ("whsec_c2VjcmV0", "the key has 6 bytes, must have from 24 to 64"),
            ("whsec_!!", "no base64"),
            ("", "the key has 0 bytes"),
        ] {
            let why = Key::parse(text).unwrap_err();
            assert!(why.contains(expected) && !why.contains("c2VjcmV0"), "{why}");
        }
    }
}
