//! Reads a request body whole, decompressed and capped. The cap counts what comes out, chunk by chunk, so a small body
//! that unfolds into a huge one is refused before it is held, and what goes in without anything coming out. All bodies
//! under way share a budget of bytes, and each has a time. What the bytes mean is not asked here.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::Body;
use brains_core::traffic::budget::{Budget, Draw};
use brains_core::{Fault, FaultKind, Origin};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt as _;
use zstd::stream::raw::{DParameter, InBuffer, Operation as _, OutBuffer};

/// The longest pause in a body before it is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// How much compressed input is unfolded at once: gzip makes at most four megabytes of it.
const SLICE_BYTES: usize = 4096;
/// After this much output other tasks get a turn.
const TURN_BYTES: usize = 256 * 1024;
/// The window that RFC 9659 allows for `zstd` as a content coding: 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
/// How much memory is set aside at first on a client's word.
const FIRST_BYTES: usize = 64 * 1024;

/// What comes out of a compressed body may lag so far behind what went in: a block of either coding. More is work
/// without a body: empty members, empty blocks, frames that are skipped.
const LAG_BYTES: usize = 256 * 1024;
/// After this much compressed input other tasks get a turn, whatever came out of it.
const TURN_INPUT_BYTES: usize = 16 * 1024;
/// Bodies are paid for in steps of this.
const STEP_BYTES: usize = 64 * 1024;
/// When to come back when all bodies together are too much: they are read within seconds.
const SPENT_RETRY_MS: u64 = 1_000;

/// What a body may be.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// After decompression.
    pub(crate) limit_bytes: usize,
    /// The key of the configuration that sets it.
    pub(crate) key: &'static str,
    /// For the whole of it to arrive; 0 is no limit.
    pub(crate) seconds: u32,
    /// All bodies under way, and how many bytes they may have.
    pub(crate) all: (Budget, u64),
    /// Those of the same key.
    pub(crate) own: Option<(Budget, u64)>,
}

/// A body that has arrived, and what it counts for until the request is over.
#[derive(Debug)]
pub(crate) struct WholeBody {
    pub(crate) bytes: Bytes,
    pub(crate) held: BodyReservation,
}

/// The bytes that a body counts for.
#[derive(Debug)]
pub(crate) struct BodyReservation {
    all: Draw,
    own: Option<Draw>,
}

impl Allowance {
    fn held(&self) -> Result<BodyReservation, Fault> {
        let all = self.all.0.draw(0, 0).map_err(|_| self.spent())?;
        let own = self.own.as_ref().map(|(budget, _)| budget.draw(0, 0)).transpose();
        Ok(BodyReservation { all, own: own.map_err(|_| self.spent())? })
    }

    fn spent(&self) -> Fault {
        Fault::unavailable(format!(
            "the bodies of all requests under way are more than {} MiB together, or those of this key more than half of it",
            self.all.1 >> 20
        ))
        .code("bodies_over_budget")
        .retry_after_ms(SPENT_RETRY_MS)
        .hint("`budgets.body_mib` sets it")
    }

    fn too_large(&self) -> Fault {
        let message = format!("the request body is larger than {} bytes", self.limit_bytes);
        Fault::new(FaultKind::TooLarge, Origin::Client, message)
            .hint(format!("send less, or raise `{}`", self.key))
    }
}

impl BodyReservation {
    /// Counts a body that has grown to `bytes`.
    fn grow_to(&mut self, bytes: usize, allowance: &Allowance) -> Result<(), Fault> {
        let missing = (bytes as u64).saturating_sub(self.all.amount());
        if missing == 0 {
            return Ok(());
        }
        let more = missing.max(STEP_BYTES as u64);
        if let (Some(own), Some((_, limit))) = (&mut self.own, &allowance.own) {
            own.grow(more, *limit).map_err(|_| allowance.spent())?;
        }
        self.all.grow(more, allowance.all.1).map_err(|_| allowance.spent())
    }
}

/// The body, or why it was not accepted. Dropping the future leaves the rest unread.
pub(crate) async fn read(headers: &HeaderMap, body: Body, allowance: &Allowance) -> Result<WholeBody, Fault> {
    let reading = collect(headers, body, allowance);
    if allowance.seconds == 0 {
        return reading.await;
    }
    let time = Duration::from_secs(allowance.seconds.into());
    match tokio::time::timeout(time, reading).await {
        Ok(read) => read,
        Err(_) => Err(too_slow(&format!("the request body did not arrive within {} s", allowance.seconds))
            .hint("`budgets.body_seconds` sets it")),
    }
}

async fn collect(headers: &HeaderMap, mut body: Body, allowance: &Allowance) -> Result<WholeBody, Fault> {
    let coding = Coding::of(headers)?;
    let announced = content_length(headers);
    if announced.is_some_and(|length| length > allowance.limit_bytes) {
        return Err(allowance.too_large());
    }
    let mut held = allowance.held()?;
    let mut unfolder = coding.unfolder(allowance.limit_bytes, announced.unwrap_or(0))?;
    let folded = coding != Coding::Identity;
    let (mut input_bytes, mut turn_bytes, mut turn_input_bytes) = (0_usize, 0, 0);
    loop {
        let Ok(next) = tokio::time::timeout(SILENCE, body.frame()).await else {
            return Err(too_slow("the request body stopped arriving"));
        };
        let Some(frame) = next else { break };
        let frame = frame.map_err(|error| {
            Fault::invalid("the request body broke off")
                .code("incomplete_body")
                .hint("send the whole body")
                .cause(error)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        for slice in data.chunks(SLICE_BYTES) {
            let before = unfolder.len();
            unfolder.push(slice).map_err(|failed| unfolder.fault(failed, allowance))?;
            held.grow_to(unfolder.len(), allowance)?;
            if folded {
                input_bytes += slice.len();
                turn_input_bytes += slice.len();
                if input_bytes > unfolder.len().saturating_add(LAG_BYTES) {
                    return Err(unfolder.fault(Failed::Unsound, allowance));
                }
            }
            turn_bytes += unfolder.len() - before;
            if turn_bytes >= TURN_BYTES || turn_input_bytes >= TURN_INPUT_BYTES {
                (turn_bytes, turn_input_bytes) = (0, 0);
                tokio::task::yield_now().await;
            }
        }
    }
    let bytes = unfolder.finish(allowance)?;
    held.grow_to(bytes.len(), allowance)?;
    Ok(WholeBody { bytes, held })
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    // More than fits a number is more than any limit.
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_slow(message: &str) -> Fault {
    Fault::new(FaultKind::TooSlow, Origin::Client, message)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// The one coding of the body. A chain of two is refused: nobody sends it but to make work.
    fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let mut coding = Self::Identity;
        for value in headers.get_all(CONTENT_ENCODING) {
            let Ok(list) = value.to_str() else { return Err(unknown_coding("it is not text")) };
            for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                let next = match name.to_ascii_lowercase().as_str() {
                    "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "zstd" => Self::Zstd,
                    _ => return Err(unknown_coding("it is not one of these")),
                };
                if coding != Self::Identity {
                    return Err(unknown_coding("the body is encoded more than once"));
                }
                coding = next;
            }
        }
        Ok(coding)
    }

    fn unfolder(self, limit_bytes: usize, announced: usize) -> Result<Unfolder, Fault> {
        let sink = Capped {
            bytes: Vec::with_capacity(announced.min(limit_bytes).min(FIRST_BYTES)),
            limit_bytes,
            overflowed: false,
        };
        Ok(match self {
            Self::Identity => Unfolder::Identity(sink),
            Self::Gzip => Unfolder::Gzip(MultiGzDecoder::new(sink)),
            Self::Zstd => Unfolder::Zstd(
                Zstd::new(sink).map_err(|error| Fault::internal("no zstd decoder").cause(error))?,
            ),
        })
    }
}

fn unknown_coding(why: &str) -> Fault {
    Fault::new(FaultKind::Unsupported, Origin::Client, format!("content encoding not accepted: {why}"))
        .code("unsupported_encoding")
        .param("content-encoding")
        .hint("accepted: `gzip`, `zstd`, `identity`, one at a time")
}

/// Collects up to a limit and then refuses.
#[derive(Debug)]
struct Capped {
    bytes: Vec<u8>,
    limit_bytes: usize,
    overflowed: bool,
}

impl Write for Capped {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.len() > self.limit_bytes.saturating_sub(self.bytes.len()) {
            self.overflowed = true;
            return Err(io::Error::other("over the limit"));
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a body does not unfold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    /// Over the limit.
    Overflow,
    /// Not of its coding, or work without a body.
    Unsound,
}

enum Unfolder {
    Identity(Capped),
    Gzip(MultiGzDecoder<Capped>),
    Zstd(Zstd),
}

impl Unfolder {
    fn sink(&self) -> &Capped {
        match self {
            Self::Identity(sink) => sink,
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zstd(zstd) => &zstd.sink,
        }
    }

    fn len(&self) -> usize {
        self.sink().bytes.len()
    }

    fn push(&mut self, data: &[u8]) -> Result<(), Failed> {
        let pushed = match self {
            Self::Identity(sink) => sink.write_all(data),
            Self::Gzip(decoder) => decoder.write_all(data),
            Self::Zstd(zstd) => zstd.push(data),
        };
        pushed.map_err(|_| self.failed())
    }

    fn finish(mut self, allowance: &Allowance) -> Result<Bytes, Fault> {
        let finished = match &mut self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zstd(zstd) => zstd.finish(),
        };
        if finished.is_err() {
            return Err(self.fault(self.failed(), allowance));
        }
        let sink = match &mut self {
            Self::Identity(sink) => sink,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd(zstd) => &mut zstd.sink,
        };
        Ok(Bytes::from(std::mem::take(&mut sink.bytes)))
    }

    fn failed(&self) -> Failed {
        if self.sink().overflowed { Failed::Overflow } else { Failed::Unsound }
    }

    fn fault(&self, failed: Failed, allowance: &Allowance) -> Fault {
        if failed == Failed::Overflow {
            return allowance.too_large();
        }
        let name = match self {
            Self::Identity(_) => "identity",
            Self::Gzip(_) => "gzip",
            Self::Zstd(_) => "zstd",
        };
        Fault::invalid(format!("the request body is not sound `{name}`"))
            .code("invalid_encoding")
            .param("content-encoding")
    }
}

/// The streaming decoder that the `zstd` crate offers for writing does not tell a cut frame from a whole one.
struct Zstd {
    decoder: zstd::stream::raw::Decoder<'static>,
    scratch: Vec<u8>,
    sink: Capped,
    between_frames: bool,
    begun: bool,
}

impl Zstd {
    fn new(sink: Capped) -> io::Result<Self> {
        let mut decoder = zstd::stream::raw::Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self { decoder, scratch: vec![0; 64 * 1024], sink, between_frames: true, begun: false })
    }

    fn push(&mut self, data: &[u8]) -> io::Result<()> {
        let mut input = InBuffer::around(data);
        self.begun |= !data.is_empty();
        loop {
            let mut output = OutBuffer::around(&mut self.scratch[..]);
            let wanted = self.decoder.run(&mut input, &mut output)?;
            let full = output.pos() == output.capacity();
            self.sink.write_all(output.as_slice())?;
            self.between_frames = wanted == 0;
            if input.pos() >= data.len() && (self.between_frames || !full) {
                return Ok(());
            }
        }
    }

    fn finish(&self) -> io::Result<()> {
        if self.begun && self.between_frames { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests;
