//! The framing of AWS, written here from its description: <https://smithy.io/2.0/aws/amazon-eventstream.html>.

use serde_json::Value;

/// Lines of events, one object with one member each, as a stream of messages. It is cut where the text was, as far as that is the
/// same place.
pub(super) fn framed(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let text = chunks.concat();
    let stream: Vec<u8> = std::str::from_utf8(&text).unwrap().lines().flat_map(message).collect();
    let mut cuts = vec![0];
    let mut seen = 0;
    for chunk in chunks {
        seen += chunk.len();
        cuts.push(seen * stream.len() / text.len().max(1));
    }
    *cuts.last_mut().unwrap() = stream.len();
    cuts.windows(2).map(|pair| stream[pair[0]..pair[1]].to_vec()).collect()
}

fn message(line: &str) -> Vec<u8> {
    let line: Value = serde_json::from_str(line).unwrap();
    let (name, payload) = line.as_object().unwrap().iter().next().unwrap();
    let (kind, naming) =
        if name.ends_with("Exception") { ("exception", ":exception-type") } else { ("event", ":event-type") };
    let mut headers = Vec::new();
    for (header, value) in
        [(naming, name.as_str()), (":content-type", "application/json"), (":message-type", kind)]
    {
        headers.push(u8::try_from(header.len()).unwrap());
        headers.extend_from_slice(header.as_bytes());
        headers.push(7);
        headers.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let payload = payload.to_string();
    let mut out = u32::try_from(16 + headers.len() + payload.len()).unwrap().to_be_bytes().to_vec();
    out.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out.extend(headers);
    out.extend_from_slice(payload.as_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out
}

/// Bit by bit, as its definition has it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |rest, byte| {
        (0..8).fold(rest ^ u32::from(*byte), |rest, _| (rest >> 1) ^ (0xedb8_8320 * (rest & 1)))
    })
}
