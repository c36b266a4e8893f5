//! What exchanges are sent with: an API key as it is, or a signature by an access key.

use brains_sdk::canon::{Fault, FaultKind};
use brains_sdk::dialect::fault::SIGN_IN;
use brains_sdk::sigv4::{Credentials, Scope, SigningKeys, SigningTime};
use brains_sdk::wire::Exchange;

const API_KEY: &str = "api_key";
const ACCESS_KEY_ID: &str = "access_key_id";
const SECRET_ACCESS_KEY: &str = "secret_access_key";
const SESSION_TOKEN: &str = "session_token";
/// What requests for models and for their list are signed for alike.
const SERVICE: &str = "bedrock";

/// The credentials that are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InUse {
    ApiKey,
    AccessKey { with_token: bool },
}

impl InUse {
    pub(crate) fn of(has_secret: &dyn Fn(&str) -> bool) -> Result<Self, Fault> {
        if has_secret(API_KEY) {
            return Ok(Self::ApiKey);
        }
        if has_secret(ACCESS_KEY_ID) && has_secret(SECRET_ACCESS_KEY) {
            return Ok(Self::AccessKey { with_token: has_secret(SESSION_TOKEN) });
        }
        let message = "Amazon Bedrock has no credentials: set `bedrock_api_key` (mostly ${ENV:AWS_BEARER_TOKEN_BEDROCK}), or \
                       `bedrock_access_key_id` and `bedrock_secret_access_key` (${ENV:AWS_ACCESS_KEY_ID}, \
                       ${ENV:AWS_SECRET_ACCESS_KEY}), with `bedrock_session_token` for temporary ones";
        Err(Fault {
            kind: FaultKind::Other(SIGN_IN.to_owned()),
            message: message.to_owned(),
            code: Some("no_credentials".to_owned()),
            retry_after_ms: None,
            failover: true,
        })
    }

    pub(crate) fn signed(
        self,
        exchange: Exchange,
        keys: &dyn SigningKeys,
        region: &str,
        now_ms: u64,
    ) -> Result<Exchange, Fault> {
        let Self::AccessKey { with_token } = self else {
            return Ok(exchange.secret("authorization", "Bearer ", API_KEY));
        };
        let time = SigningTime::at_ms(now_ms);
        let credentials = Credentials {
            access_key_id: ACCESS_KEY_ID,
            secret_access_key: SECRET_ACCESS_KEY,
            session_token: with_token.then_some(SESSION_TOKEN),
        };
        exchange.signed_v4(keys, &credentials, &Scope { time: &time, region, service: SERVICE })
    }
}
