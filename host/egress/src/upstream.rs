//! The answer of an upstream: its head, and its body piece by piece, with a limit on silence. Secrets of the instance are
//! masked in both.

use std::borrow::Cow;
use std::fmt;

use brains_dialect::canon::exchange::Field;
use brains_dialect::sse::without_mark;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::header::CONTENT_TYPE;

use crate::error::{EgressError, Phase};
use crate::mask::Mask;
use crate::peer::Peer;
use crate::wait::WaitLimits;

/// Dropping it ends the exchange.
pub struct Upstream {
    response: reqwest::Response,
    peer: Peer,
    mask: Mask,
    /// Looked at, and not yet taken.
    looked_at: Option<Bytes>,
    ended: bool,
    wait: WaitLimits,
}

impl fmt::Debug for Upstream {
    /// Without the URL, whose query may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("peer", &self.peer)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Upstream {
    pub(crate) const fn new(response: reqwest::Response, peer: Peer, mask: Mask, wait: WaitLimits) -> Self {
        Self { response, peer, mask, looked_at: None, ended: false, wait }
    }

    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Names in lower case; what is not text is replaced. One whose name is a secret is left out.
    pub fn fields(&self) -> Vec<Field> {
        let secrets = self.mask.secrets();
        let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let open = matches!(secrets.cover(name.as_str()), Cow::Borrowed(_));
            open.then(|| Field {
                name: name.as_str().to_owned(),
                value: secrets.cover(&String::from_utf8_lossy(value.as_bytes())).into_owned(),
            })
        };
        self.response.headers().iter().filter_map(field).collect()
    }

    /// What the body is called, in lower case; empty when it is called nothing.
    pub fn media_type(&self) -> String {
        self.header(CONTENT_TYPE.as_str()).map(|name| name.to_ascii_lowercase()).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        Some(self.mask.secrets().cover(self.response.headers().get(name)?.to_str().ok()?))
    }

    /// The next piece of the body; `None` at its proper end. May be dropped midway without losing a byte.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        loop {
            // What is there needs no clock.
            if let Some(ready) = self.ready_chunk() {
                return ready;
            }
            let (until, phase) = self.wait.next(Phase::Gap);
            let read = tokio::time::timeout_at(until, self.response.chunk()).await;
            let Ok(read) = read else {
                return Err(EgressError::Timeout { peer: self.peer.clone(), phase });
            };
            if let Some(passed) = self.passed(read).transpose() {
                return passed.map(Some);
            }
        }
    }

    /// The first byte of the body that is neither space nor a byte order mark; none when the body has none, or only far
    /// behind. The body goes on as it was but for the mark, which readers take for a part of what follows it.
    pub async fn first_byte(&mut self) -> Result<Option<u8>, EgressError> {
        const LOOKED_BYTES: usize = 64 << 10;
        let mut looked = BytesMut::new();
        loop {
            let Some(chunk) = self.chunk().await? else {
                self.looked_at = Some(looked.freeze()).filter(|looked| !looked.is_empty());
                return Ok(None);
            };
            looked.extend_from_slice(&chunk);
            let blank = |byte: &&u8| byte.is_ascii_whitespace() || b"\xEF\xBB\xBF".contains(byte);
            let first = looked.iter().find(|byte| !blank(byte)).copied();
            if first.is_some() || looked.len() > LOOKED_BYTES {
                let looked = looked.freeze();
                self.looked_at = Some(looked.slice_ref(without_mark(&looked)));
                return Ok(first);
            }
        }
    }

    /// As [`Self::chunk`], but only what is there already: `None` when that is nothing.
    pub fn ready_chunk(&mut self) -> Option<Result<Option<Bytes>, EgressError>> {
        if let Some(looked_at) = self.looked_at.take() {
            return Some(Ok(Some(looked_at)));
        }
        while !self.ended {
            let read = self.response.chunk().now_or_never()?;
            if let Some(passed) = self.passed(read).transpose() {
                return Some(passed.map(Some));
            }
        }
        Some(Ok(None))
    }

    /// What of a piece may go on, none when all of it is held back; at the end, what was held.
    fn passed(&mut self, read: reqwest::Result<Option<Bytes>>) -> Result<Option<Bytes>, EgressError> {
        let passed = if let Some(chunk) = read.map_err(|error| EgressError::of(error, &self.peer))? {
            self.mask.pass(chunk)
        } else {
            self.ended = true;
            self.mask.finish()
        };
        Ok((!passed.is_empty()).then_some(passed))
    }

    /// The whole body, unless it is larger than `limit_bytes`.
    pub async fn read_all(self, limit_bytes: usize) -> Result<Bytes, EgressError> {
        let mut body = ReceivedBody::default();
        self.read_into(&mut body, limit_bytes).await?;
        Ok(body.take())
    }

    /// As [`Self::read_all`]; what came of a body that does not come whole stays in `body`.
    pub async fn read_into(mut self, body: &mut ReceivedBody, limit_bytes: usize) -> Result<(), EgressError> {
        let announced = self.response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limit_bytes) {
            return Err(EgressError::TooLarge { peer: self.peer, limit_bytes });
        }
        while let Some(chunk) = self.chunk().await? {
            body.push(chunk);
            if body.len() > limit_bytes {
                return Err(EgressError::TooLarge { peer: self.peer, limit_bytes });
            }
        }
        Ok(())
    }
}

/// What has come of a body. Most come in one piece, which is not copied.
#[derive(Debug, Default)]
pub struct ReceivedBody {
    first: Bytes,
    /// Once there is more than the first piece.
    all: BytesMut,
}

impl ReceivedBody {
    fn push(&mut self, chunk: Bytes) {
        if self.first.is_empty() && self.all.is_empty() {
            self.first = chunk;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&chunk);
    }

    fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    /// All of it so far.
    pub fn take(&mut self) -> Bytes {
        if self.all.is_empty() { std::mem::take(&mut self.first) } else { self.all.split().freeze() }
    }
}
