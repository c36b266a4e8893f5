//! A whole answer as it is read into memory. What came of one that was cut, or that nobody waited for, was said and will be
//! billed: as of a stream.

use brains_core::Fault;
use brains_dialect::said;
use brains_egress::{ReceivedBody, Upstream};
use bytes::Bytes;

use crate::record::Recorder;

/// The largest whole answer that is read into memory.
const WHOLE_BYTES: usize = 32 << 20;

/// Reads all of it.
pub(crate) async fn whole(upstream: Upstream, recorder: &mut Recorder) -> Result<Bytes, Fault> {
    let mut reading = Reading { body: ReceivedBody::default(), recorder, is_whole: false };
    upstream.read_into(&mut reading.body, WHOLE_BYTES).await.map_err(|error| error.to_fault())?;
    reading.is_whole = true;
    Ok(reading.body.take())
}

/// Bytes of text in a body that is no whole answer.
pub(crate) fn said_bytes(body: &[u8]) -> u64 {
    said::bytes(&String::from_utf8_lossy(body))
}

/// A body on its way.
struct Reading<'a> {
    body: ReceivedBody,
    recorder: &'a mut Recorder,
    is_whole: bool,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            self.recorder.usage(None, said_bytes(&self.body.take()));
        }
    }
}
