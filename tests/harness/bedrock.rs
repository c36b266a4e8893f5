//! A scripted Amazon Bedrock at its door: who signed a request, for where, when and with what, checked by a reckoning of its own
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>), and refused in the vendor's
//! words. Behind it is the scripted model on its wire.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::model::bedrock::{self, refusal};
use crate::upstream::{Reply, Seen, Upstream, now_seconds};

/// The only region that it is.
pub const REGION: &str = "eu-central-1";
pub const ACCESS_KEY_ID: &str = "AKIDHARNESS0EXAMPLE0";
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG+harness/Zk3vQ9xT7mPwL2";
pub const API_KEY: &str = "bedrock-api-key-Zk3vQ9xT7mPwL2Zk3vQ9xT7mPwL2";
/// The token of a session that its access key belongs to, where it is a temporary one.
pub const SESSION_TOKEN: &str =
    "IQoJb3JpZ2luX2VjEHarness//////////wEaCmV1LWNlbnRyYWwtMSJIMEYCIQDZk3vQ9xT7mPwL2==";

const SKEW_SECONDS: u64 = 300;

#[derive(Debug, Default)]
struct State {
    /// Its access key is a temporary one.
    temporary: bool,
    /// The session of the temporary one has ended.
    expired: bool,
    /// By how much its clock is ahead.
    ahead_seconds: u64,
}

/// The server.
#[derive(Debug)]
pub struct Bedrock {
    pub upstream: Upstream,
    state: Arc<Mutex<State>>,
}

impl Bedrock {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let scripted = Arc::clone(&state);
        let upstream = Upstream::start(move |seen| {
            let state = scripted.lock().unwrap_or_else(PoisonError::into_inner);
            state.admitted(seen).map_or_else(|refused| refused, |()| bedrock::answer(seen))
        })
        .await;
        Self { upstream, state }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on its access key is a temporary one, whose session goes on or has ended.
    pub fn temporary(&self, expired: bool) {
        let mut state = self.state();
        (state.temporary, state.expired) = (true, expired);
    }

    /// Its clock is so much ahead.
    pub fn is_ahead(&self, seconds: u64) {
        self.state().ahead_seconds = seconds;
    }
}

impl State {
    fn admitted(&self, seen: &Seen) -> Result<(), Reply> {
        let Some(authorization) = seen.header("authorization") else {
            return Err(refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
        };
        if let Some(key) = authorization.strip_prefix("Bearer ") {
            let wrong = || {
                refusal(
                    403,
                    "AccessDeniedException",
                    "Authentication failed: Please make sure your API Key is valid.",
                )
            };
            return if key == API_KEY { Ok(()) } else { Err(wrong()) };
        }
        let incomplete = || {
            refusal(
                403,
                "IncompleteSignatureException",
                "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
            )
        };
        let parts = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(incomplete)?;
        let part = |name: &str| {
            let part = parts.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            part.ok_or_else(incomplete)
        };
        let (credential, signed, signature) =
            (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
        let (id, scope) = credential.split_once('/').ok_or_else(incomplete)?;
        if id != ACCESS_KEY_ID {
            return Err(refusal(
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ));
        }
        let stamp = seen.header("x-amz-date").ok_or_else(incomplete)?;
        let date = stamp.split('T').next().unwrap_or_default();
        let expected = format!("{date}/{REGION}/bedrock/aws4_request");
        if scope != expected {
            let words = format!(
                "Credential should be scoped to a valid region. Expected `{expected}`, found `{scope}`"
            );
            return Err(refusal(403, "InvalidSignatureException", &words));
        }
        self.is_now(stamp)?;
        self.has_token(seen)?;
        let names: Vec<&str> = signed.split(';').collect();
        let wanted = seen.headers.iter().map(|(name, _)| name.as_str());
        let unsigned = wanted
            .filter(|name| *name == "host" || name.starts_with("x-amz-"))
            .find(|name| !names.contains(name));
        if let Some(name) = unsigned {
            return Err(refusal(
                403,
                "InvalidSignatureException",
                &format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."),
            ));
        }
        if !names.is_sorted() || reckoned(seen, &names, stamp, scope) != signature {
            let words = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
            return Err(refusal(403, "InvalidSignatureException", words));
        }
        Ok(())
    }

    fn is_now(&self, stamp: &str) -> Result<(), Reply> {
        let now = now_seconds() + self.ahead_seconds;
        if seconds_of(stamp).abs_diff(now) > SKEW_SECONDS {
            let words = format!("Signature expired: {stamp} is now earlier than {now} - 5 min.");
            return Err(refusal(403, "InvalidSignatureException", &words));
        }
        Ok(())
    }

    fn has_token(&self, seen: &Seen) -> Result<(), Reply> {
        let invalid = || {
            refusal(
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        };
        match seen.header("x-amz-security-token") {
            None if self.temporary => Err(invalid()),
            None => Ok(()),
            Some(_) if self.expired => Err(refusal(
                403,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            )),
            Some(token) if self.temporary && token == SESSION_TOKEN => Ok(()),
            Some(_) => Err(invalid()),
        }
    }
}

/// The signature that the request should bear.
fn reckoned(seen: &Seen, names: &[&str], stamp: &str, scope: &str) -> String {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    // Every byte that arrived in the path is encoded once more, but for what separates.
    let path = path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _written = write!(out, "%{byte:02X}");
        }
        out
    });
    let mut parameters: Vec<&str> = query.split('&').filter(|one| !one.is_empty()).collect();
    parameters.sort_unstable();
    let headers = names.iter().fold(String::new(), |mut out, name| {
        let _written = writeln!(out, "{name}:{}", seen.header(name).unwrap_or_default());
        out
    });
    let canonical = [
        seen.method.as_str(),
        &path,
        &parameters.join("&"),
        &headers,
        &names.join(";"),
        &hex(&Sha256::digest(&seen.body)),
    ]
    .join("\n");
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let secret = format!("AWS4{SECRET_ACCESS_KEY}").into_bytes();
    let key = scope.split('/').fold(secret, |key, part| hmac(&key, part.as_bytes()));
    hex(&hmac(&key, to_sign.as_bytes()))
}

/// RFC 2104, of keys that are no longer than a block.
fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut block = key.to_vec();
    block.resize(64, 0);
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = Sha256::digest([padded(0x36).as_slice(), data].concat());
    Sha256::digest([padded(0x5c).as_slice(), &inner].concat()).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _written = write!(out, "{byte:02x}");
        out
    })
}

/// `20150830T123600Z` in seconds since 1970, day by day.
fn seconds_of(stamp: &str) -> u64 {
    let number =
        |from: usize, to: usize| stamp.get(from..to).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let months = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days: u64 = (1..month).filter_map(|month| months.get(usize::try_from(month).ok()? - 1)).sum();
    let days = years + days + day.saturating_sub(1);
    days * 86_400 + number(9, 11) * 3600 + number(11, 13) * 60 + number(13, 15)
}
