//! Reads a request body whole, decompressed and capped. The cap counts what comes out, chunk by chunk, so a
//! small body that unfolds into a huge one is refused before it is held. What the bytes mean is not asked here.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::Body;
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

/// The body's bytes, or why they were not accepted. Dropping the future leaves the rest unread.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, Fault> {
    let coding = Coding::of(headers)?;
    let announced = content_length(headers);
    if announced.is_some_and(|length| length > limit_bytes) {
        return Err(too_large(limit_bytes));
    }
    let mut unfolder = coding.unfolder(limit_bytes, announced.unwrap_or(0))?;
    let mut body = body;
    let mut turn_bytes = 0;
    loop {
        let Ok(next) = tokio::time::timeout(SILENCE, body.frame()).await else {
            return Err(Fault::invalid("the request body stopped arriving").code("request_timeout"));
        };
        let Some(frame) = next else { break };
        let frame = frame.map_err(|_| {
            Fault::invalid("the request body broke off").code("incomplete_body").hint("send the whole body")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        for slice in data.chunks(SLICE_BYTES) {
            let before = unfolder.len();
            unfolder.push(slice)?;
            turn_bytes += unfolder.len() - before;
            if turn_bytes >= TURN_BYTES {
                turn_bytes = 0;
                tokio::task::yield_now().await;
            }
        }
    }
    unfolder.finish()
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit_bytes: usize) -> Fault {
    Fault::new(
        FaultKind::TooLarge,
        Origin::Client,
        format!("the request body is larger than {limit_bytes} bytes"),
    )
    .hint("send less, or raise `max_body_bytes`")
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
            Self::Zstd => Unfolder::Zstd(Zstd::new(sink).map_err(|_| Fault::internal("no zstd decoder"))?),
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

    fn push(&mut self, data: &[u8]) -> Result<(), Fault> {
        let pushed = match self {
            Self::Identity(sink) => sink.write_all(data),
            Self::Gzip(decoder) => decoder.write_all(data),
            Self::Zstd(zstd) => zstd.push(data),
        };
        pushed.map_err(|_| self.fault())
    }

    fn finish(mut self) -> Result<Bytes, Fault> {
        let finished = match &mut self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zstd(zstd) => zstd.finish(),
        };
        if finished.is_err() {
            return Err(self.fault());
        }
        let sink = match &mut self {
            Self::Identity(sink) => sink,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd(zstd) => &mut zstd.sink,
        };
        Ok(Bytes::from(std::mem::take(&mut sink.bytes)))
    }

    fn fault(&self) -> Fault {
        let sink = self.sink();
        if sink.overflowed {
            return too_large(sink.limit_bytes);
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
