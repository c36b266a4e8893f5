//! Messages as the format's own test vectors have them, in any pieces, and bytes that are none.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{BadMessage, EventMessage, EventMessages, crc32};

/// The three valid vectors of the format that have no more than texts and numbers for headers, from
/// <https://github.com/awslabs/aws-c-event-stream/tree/main/tests>, and what each holds.
const EMPTY: &str = "000000100000000005c248eb7d98c8ff";
const PAYLOAD: &str = "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// A message, put together anew from the description of the format.
fn encoded(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut out = total.to_be_bytes().to_vec();
    out.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend(crc32(&out).to_be_bytes());
    out
}

fn text_header(name: &str, value: &str) -> Vec<u8> {
    let mut out = vec![u8::try_from(name.len()).unwrap()];
    out.extend_from_slice(name.as_bytes());
    out.push(7);
    out.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    out.extend_from_slice(value.as_bytes());
    out
}

fn read(bytes: &[u8]) -> (Vec<EventMessage>, Option<BadMessage>) {
    EventMessages::default().push(bytes)
}

#[test]
fn the_checksum_is_the_usual_one() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn the_formats_own_vectors_are_read() {
    let (messages, wrong) = read(&bytes(EMPTY));
    assert_eq!((messages.len(), wrong), (1, None));
    assert!(messages[0].payload.is_empty());
    let (messages, wrong) = read(&bytes(PAYLOAD));
    assert_eq!((messages[0].payload.as_slice(), wrong), (b"{'foo':'bar'}".as_slice(), None));
}

/// One header of each type, in the order of their numbers.
#[test]
fn headers_of_every_type_are_passed_over_but_texts() {
    let mut headers = Vec::new();
    let mut add = |name: &str, kind: u8, value: &[u8]| {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend_from_slice(name.as_bytes());
        headers.push(kind);
        headers.extend_from_slice(value);
    };
    add("yes", 0, &[]);
    add("no", 1, &[]);
    add("byte", 2, &[1]);
    add("short", 3, &[0, 1]);
    add("int", 4, &[0; 4]);
    add("long", 5, &[0; 8]);
    add("bytes", 6, &[0, 2, 1, 2]);
    add("when", 8, &[0; 8]);
    add("uuid", 9, &[0; 16]);
    headers.extend(text_header(":event-type", "messageStart"));
    let (messages, wrong) = read(&encoded(&headers, b"{}"));
    assert_eq!(wrong, None);
    assert_eq!(messages[0].header(":event-type"), Some("messageStart"));
    assert_eq!(messages[0].headers.len(), 1);
}

#[test]
fn what_is_no_message_is_told() {
    let good = encoded(&text_header("a", "b"), b"payload");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let (messages, wrong) = read(&bad);
        assert!(messages.is_empty() && wrong.is_some(), "byte {at}");
    }
    let unknown_type = encoded(&[1, b'a', 10], b"");
    let cut_value = encoded(&[1, b'a', 7, 0, 9, b'x'], b"");
    let no_text = encoded(&[1, b'a', 7, 0, 1, 0xff], b"");
    for bad in [unknown_type, cut_value, no_text] {
        assert_eq!(read(&bad).1, Some(BadMessage::Headers));
    }
    let mut long = 0x0200_0000_u32.to_be_bytes().to_vec();
    long.extend([0; 8]);
    assert_eq!(read(&long).1, Some(BadMessage::TooLong), "before anything of it is kept");
    let mut short = 15_u32.to_be_bytes().to_vec();
    short.extend(0_u32.to_be_bytes());
    short.extend(crc32(&short).to_be_bytes());
    assert_eq!(read(&short).1, Some(BadMessage::Length));
    // What came before it stays.
    let (messages, wrong) = read(&[good.clone(), short].concat());
    assert_eq!((messages.len(), wrong), (1, Some(BadMessage::Length)));
    let mut said = String::new();
    write!(said, "{}", BadMessage::TooLong).unwrap();
    assert!(said.contains("16 MiB"), "{said}");
}

#[test]
fn a_cut_message_is_waited_for() {
    let good = encoded(&text_header("a", "b"), b"payload");
    for cut in 0..good.len() {
        let mut messages = EventMessages::default();
        assert_eq!(messages.push(&good[..cut]), (Vec::new(), None));
        assert_eq!(messages.is_between_messages(), cut == 0);
        assert_eq!(messages.push(&good[cut..]).0.len(), 1, "{cut}");
        assert!(messages.is_between_messages());
    }
}

proptest! {
    #[test]
    fn any_chunking_reads_the_same(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let stream: Vec<u8> =
            payloads.iter().flat_map(|payload| encoded(&text_header("n", "v"), payload)).collect();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let mut messages = EventMessages::default();
        let mut seen = Vec::new();
        for pair in at.windows(2) {
            let (more, wrong) = messages.push(&stream[pair[0]..pair[1]]);
            prop_assert_eq!(wrong, None);
            seen.extend(more.into_iter().map(|message| message.payload));
        }
        prop_assert_eq!(seen, payloads);
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let _read = read(&noise);
    }
}
