//! Frames are the same however the stream is cut.

use proptest::prelude::*;

use super::{Frames, RawFrames, SseMessage};
use crate::canon::exchange::Frame;

fn frames(stream: &[u8]) -> Vec<(Option<String>, String)> {
    let mut splitter = Frames::default();
    let mut frames = splitter.push(stream).unwrap();
    frames.extend(splitter.finish());
    frames.into_iter().map(|Frame { name, data }| (name, data)).collect()
}

#[track_caller]
fn check(stream: &str, expected: &[(Option<&str>, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(name, data)| (name.map(str::to_owned), (*data).to_owned())).collect();
    assert_eq!(frames(stream.as_bytes()), expected);
}

#[test]
fn the_rules() {
    check("data: a\n\ndata: b\n\n", &[(None, "a"), (None, "b")]);
    check("data: a\r\n\r\ndata:b\r\rdata:  c\n\n", &[(None, "a"), (None, "b"), (None, " c")]);
    check("event: x\ndata: 1\ndata: 2\n\n", &[(Some("x"), "1\n2")]);
    check(": comment\n\n:\n\nid: 5\nretry: 10\n\n", &[]);
    check("data\n\ndata:\n\n", &[(None, ""), (None, "")]);
    check("\u{feff}data: a\n\n", &[(None, "a")]);
    check("datum: x\nDATA: y\ndata: z\n\n", &[(None, "z")]);
    check("event: x\n\ndata: a\n\n", &[(None, "a")]);
    check("data: [DONE]", &[(None, "[DONE]")]);
    check("\n\n\ndata: a\n\n\n\n", &[(None, "a")]);
}

#[test]
fn fields() {
    let message = SseMessage::parse(b"id: 7\nretry: 30\nevent: e\ndata: d\n\n");
    assert_eq!(
        (message.id.as_deref(), message.retry_ms, message.event.as_deref()),
        (Some("7"), Some(30), Some("e"))
    );
    let odd = SseMessage::parse(b"id: a\0b\nretry: soon\n\n");
    assert_eq!((odd.id, odd.retry_ms), (None, None));
}

#[test]
fn raw_frames_keep_every_byte_and_come_at_once() {
    let mut raw = RawFrames::default();
    let batch = raw.push(b": hi\n\ndata: a\n\ndata: b").unwrap();
    let seen: Vec<_> = batch.iter().map(|(bytes, message)| (bytes, message.data)).collect();
    assert_eq!(seen, [(&b": hi\n\n"[..], None), (&b"data: a\n\n"[..], Some("a".into()))]);
    // A CR ends its frame at once; the LF that belongs to it opens the next one's bytes.
    let batch = raw.push(b"\r\n\r").unwrap();
    assert_eq!(batch.bytes, b"data: b\r\n\r");
    let batch = raw.push(b"\ndata: c\n\n").unwrap();
    assert_eq!((batch.frames.len(), batch.iter().next().unwrap().1.data.unwrap().as_ref()), (1, "c"));
    assert!(raw.finish().is_none());
}

#[test]
fn a_frame_may_not_grow_for_ever() {
    let mut raw = RawFrames::new(100);
    assert!(raw.push(&[b'x'; 60]).unwrap().is_empty());
    assert_eq!(raw.push(&[b'x'; 60]).unwrap_err().limit_bytes, 100);
    assert_eq!(RawFrames::new(10).push(b"data: 12345678\n\n").unwrap_err().limit_bytes, 10);
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_frames(
        stream in "(data: [a-zé😀]{0,3}|event:x|: c|id|\n|\r|\r\n|data:){0,40}",
        cuts in prop::collection::vec(0_usize..100, 0..12),
    ) {
        let bytes = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let (mut raw, mut forwarded, mut seen) = (RawFrames::default(), Vec::new(), Vec::new());
        let mut take = |batch: super::Batch| {
            forwarded.extend_from_slice(&batch.bytes);
            for (_, message) in batch.iter() {
                if let Some(data) = message.data {
                    seen.push((message.event.map(std::borrow::Cow::into_owned), data.into_owned()));
                }
            }
        };
        for pair in cuts.windows(2) {
            take(raw.push(&bytes[pair[0]..pair[1]]).unwrap());
        }
        if let Some(rest) = raw.finish() {
            take(rest);
        }
        prop_assert_eq!(forwarded, bytes);
        prop_assert_eq!(seen, frames(bytes));
    }
}
