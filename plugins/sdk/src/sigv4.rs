//! Signature Version 4 of AWS, as plain functions: what of a request is signed, and with which key. The secret key stays with
//! the host, which makes the day's key of it; so does the token of a session, which the host puts into the digest that it is
//! part of. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>, read on 2026-11-30.
//!
//! ```
//! use brains_sdk::sigv4::{Scope, SigningTime, ToSign, hex, sha256, signature, string_to_sign};
//!
//! // AWS's own example, whose key of the day is `HMAC("AWS4" + secret, "20150830")`.
//! let key = [
//!     0x01, 0x38, 0xc7, 0xa6, 0xcb, 0xd6, 0x0a, 0xa7, 0x27, 0xb2, 0xf6, 0x53, 0xa5, 0x22, 0x56, 0x74, 0x39, 0xdf, 0xb9,
//!     0xf3, 0xe7, 0x2b, 0x21, 0xf9, 0xb2, 0x59, 0x41, 0xa4, 0x2f, 0x04, 0xa7, 0xcd,
//! ];
//! let time = SigningTime::at_ms(1_440_938_160_000);
//! let headers = [("host", "example.amazonaws.com"), ("x-amz-date", time.stamp())];
//! let request = ToSign { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
//! let scope = Scope { time: &time, region: "us-east-1", service: "service" };
//! let (canonical, _) = request.canonical(false);
//! let text = string_to_sign(&scope, &sha256(canonical.as_bytes()));
//! assert_eq!(hex(&signature(&key, &scope, &text)), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
//! ```

mod exchange;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

pub use exchange::{Credentials, HostKeys, SigningKeys};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// The header that carries the token of a session; by its name the last of those that are signed here.
const TOKEN: &str = "x-amz-security-token";
const SECOND_MS: u64 = 1000;
const DAY_SECONDS: u64 = 86_400;

/// When a request is signed, as it says in `x-amz-date`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningTime(String);

impl SigningTime {
    /// Of milliseconds since 1970.
    pub fn at_ms(now_ms: u64) -> Self {
        let seconds = now_ms / SECOND_MS;
        let (year, month, day) = date_of(seconds / DAY_SECONDS);
        let rest = seconds % DAY_SECONDS;
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        Self(format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"))
    }

    /// `20150830T123600Z`.
    pub fn stamp(&self) -> &str {
        &self.0
    }

    /// `20150830`.
    pub fn date(&self) -> &str {
        self.0.split('T').next().unwrap_or_default()
    }
}

/// Year, month and day of a day since 1970, in years that begin in March, so that a leap day is a year's last.
const fn date_of(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// What a signature is good for.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub time: &'a SigningTime,
    pub region: &'a str,
    pub service: &'a str,
}

impl Scope<'_> {
    fn text(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.time.date(), self.region, self.service)
    }
}

/// What of a request is signed.
#[derive(Debug, Clone, Copy)]
pub struct ToSign<'a> {
    pub method: &'a str,
    /// As it stands in the URL. What is percent-encoded there is encoded once more, as all services but S3 want it.
    pub path: &'a str,
    pub query: &'a str,
    /// With `host` and `x-amz-date`; the token of a session is not among them.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl ToSign<'_> {
    /// The canonical request. With a token it is two texts, between which the token stands.
    pub fn canonical(&self, with_token: bool) -> (String, String) {
        let headers = canonical_headers(self.headers);
        let mut before =
            format!("{}\n{}\n{}\n", self.method, canonical_path(self.path), canonical_query(self.query));
        for (name, value) in &headers {
            let _written = writeln!(before, "{name}:{value}");
        }
        let behind = format!("\n{}\n{}", self.signed_headers(with_token), hex(&sha256(self.body)));
        if with_token {
            let _written = write!(before, "{TOKEN}:");
            return (before, format!("\n{behind}"));
        }
        (before + &behind, String::new())
    }

    /// The names of the headers that are signed.
    pub fn signed_headers(&self, with_token: bool) -> String {
        let headers = canonical_headers(self.headers);
        let names = headers.keys().map(String::as_str).chain(with_token.then_some(TOKEN));
        names.collect::<Vec<_>>().join(";")
    }
}

/// What is signed in the end, from the digest of the canonical request.
pub fn string_to_sign(scope: &Scope<'_>, canonical_digest: &[u8]) -> String {
    format!("{ALGORITHM}\n{}\n{}\n{}", scope.time.stamp(), scope.text(), hex(canonical_digest))
}

/// The signature, made with the key of the day: `HMAC("AWS4" + secret, date)`.
pub fn signature(day_key: &[u8], scope: &Scope<'_>, text: &str) -> [u8; 32] {
    let key = [scope.region, scope.service, TERMINATOR]
        .into_iter()
        .fold(day_key.to_vec(), |key, part| hmac_sha256(&key, part.as_bytes()).to_vec());
    hmac_sha256(&key, text.as_bytes())
}

/// Headers by name, in small letters, without space that means nothing.
fn canonical_headers(headers: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut canonical: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        match canonical.entry(name.to_ascii_lowercase()) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(value);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                entry.get_mut().push(',');
                entry.get_mut().push_str(&value);
            }
        }
    }
    canonical
}

/// The path without empty and dotted segments, every segment encoded.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    if segments.is_empty() {
        return "/".to_owned();
    }
    let mut out = String::with_capacity(path.len());
    for segment in segments {
        out.push('/');
        out.push_str(&uri_encoded(segment.as_bytes()));
    }
    if path.ends_with('/') {
        out.push('/');
    }
    out
}

/// The parameters in their order, encoded once.
fn canonical_query(query: &str) -> String {
    let encoded = |text: &str| uri_encoded(&uri_decoded(text));
    let mut parameters: Vec<(String, String)> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    parameters.sort();
    let parameters: Vec<String> =
        parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    parameters.join("&")
}

/// Every byte but those that mean nothing anywhere in a URL.
pub fn uri_encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _written = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn uri_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    out
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// RFC 2104.
fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let digest = (key.len() > BLOCK).then(|| sha256(key));
    let key = digest.as_ref().map_or(key, |digest| digest.as_slice());
    let padded =
        |pad: u8| -> [u8; BLOCK] { std::array::from_fn(|at| key.get(at).copied().unwrap_or_default() ^ pad) };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(data).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _written = write!(out, "{byte:02x}");
        out
    })
}
