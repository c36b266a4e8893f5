//! In which form an upstream answered, whatever it was asked for: some answer a streamed request with a whole answer or with
//! an error, and some stream what was wanted whole. What came is looked at; what it is called is not always true.

use brains_core::Fault;
use brains_dialect::canon::exchange::Frame;
use brains_dialect::{ndjson, sse};
use brains_egress::Upstream;

/// What came in answer to a streamed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerForm {
    /// One JSON value: no event of a stream begins like that.
    Whole,
    Stream,
}

/// Looks at the first byte of an answer that is to be a stream of events, and leaves it where it is.
pub(crate) async fn of(upstream: &mut Upstream) -> Result<AnswerForm, Fault> {
    let first = upstream.first_byte().await.map_err(|error| error.to_fault())?;
    Ok(match first {
        Some(b'{' | b'[') => AnswerForm::Whole,
        Some(_) | None => AnswerForm::Stream,
    })
}

/// The frames of an answer that was to be whole; none when it is.
pub(crate) fn frames_of_whole(media_type: &str, body: &[u8]) -> Vec<Frame> {
    if media_type.contains("ndjson") || media_type.contains("jsonl") {
        let mut lines = ndjson::Lines::default();
        let mut frames = lines.push(body).unwrap_or_default();
        frames.extend(lines.finish());
        return if frames.len() > 1 { frames } else { Vec::new() };
    }
    if matches!(body.trim_ascii_start().first(), None | Some(b'{' | b'[')) {
        return Vec::new();
    }
    let mut events = sse::Frames::default();
    let mut frames = events.push(body).unwrap_or_default();
    frames.extend(events.finish());
    frames
}

#[cfg(test)]
mod tests {
    use super::frames_of_whole;

    #[test]
    fn a_stream_is_seen_by_what_it_is() {
        let frames = |media_type: &str, body: &str| frames_of_whole(media_type, body.as_bytes()).len();
        assert_eq!(frames("text/event-stream", "data: {}\n\ndata: [DONE]\n\n"), 2);
        assert_eq!(frames("application/json", ": ping\n\ndata: {}\n\n"), 1);
        assert_eq!(frames("application/x-ndjson", "{}\n{}\n"), 2);
        assert_eq!(frames("application/x-ndjson", "{}\n"), 0);
        assert_eq!(frames("text/event-stream", " {\"a\":1}"), 0);
        assert_eq!(frames("text/html", "<html>\n\n</html>"), 0);
        assert_eq!(frames("", ""), 0);
    }
}
