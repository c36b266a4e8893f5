use std::io::Write as _;

use futures_util::stream;
use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn headers(coding: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !coding.is_empty() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap());
    }
    headers
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(data, 1).unwrap()
}

fn chunked(data: &[u8], sizes: &[usize]) -> Body {
    let mut chunks = Vec::new();
    let mut rest = data;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(rest.len()).clamp(1, rest.len());
        let (head, tail) = rest.split_at(size);
        chunks.push(Ok::<_, std::convert::Infallible>(Bytes::copy_from_slice(head)));
        rest = tail;
    }
    Body::from_stream(stream::iter(chunks))
}

fn allowance(limit_bytes: usize) -> Allowance {
    Allowance { limit_bytes, key: "max_body_bytes", seconds: 60, all: (Budget::default(), 0), own: None }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

fn run(coding: &str, body: Body, limit: usize) -> Result<Bytes, Fault> {
    block_on(read(&headers(coding), body, &allowance(limit))).map(|whole| whole.bytes)
}

#[track_caller]
fn refusal_of(coding: &str, body: Vec<u8>, limit: usize) -> (u16, String) {
    let fault = run(coding, Body::from(body), limit).unwrap_err();
    (fault.kind.http_status(), fault.code.into_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_chunking_of_any_coding_reads_the_same(
        data in proptest::collection::vec(any::<u8>(), 0..20_000),
        sizes in proptest::collection::vec(1usize..5_000, 1..8),
        members in 1usize..4,
        coding in 0usize..4,
    ) {
        let parts: Vec<&[u8]> = data.chunks((data.len() / members).max(1)).collect();
        let (name, wire): (&str, Vec<u8>) = match coding {
            0 => ("", data.clone()),
            1 => ("identity", data.clone()),
            2 if data.is_empty() => ("gzip", gzip(b"")),
            2 => ("GZIP, identity", parts.iter().flat_map(|part| gzip(part)).collect()),
            _ if data.is_empty() => ("zstd", zstd(b"")),
            _ => ("zstd", parts.iter().flat_map(|part| zstd(part)).collect()),
        };
        let read = run(name, chunked(&wire, &sizes), data.len()).unwrap();
        prop_assert_eq!(&read[..], &data[..]);
        if !data.is_empty() {
            let fault = run(name, chunked(&wire, &sizes), data.len() - 1).unwrap_err();
            prop_assert_eq!(fault.kind, FaultKind::TooLarge);
        }
    }

    #[test]
    fn a_cut_body_is_refused_and_never_shortened(
        data in proptest::collection::vec(any::<u8>(), 1..4_000),
        cut in any::<prop::sample::Index>(),
        with_zstd in any::<bool>(),
    ) {
        let (name, wire) = if with_zstd { ("zstd", zstd(&data)) } else { ("gzip", gzip(&data)) };
        let cut = cut.index(wire.len());
        let fault = run(name, Body::from(wire[..cut].to_vec()), 1 << 20).unwrap_err();
        prop_assert_eq!(fault.kind, FaultKind::Invalid);
    }

    #[test]
    fn noise_never_passes_for_compressed(data in proptest::collection::vec(any::<u8>(), 1..400), with_zstd in any::<bool>()) {
        // A sound skippable frame of zstd begins with 0x5?2A4D18 and holds nothing.
        prop_assume!(!data.starts_with(&[0x1f, 0x8b]) && data.get(1) != Some(&0x2a));
        let fault = run(if with_zstd { "zstd" } else { "gzip" }, Body::from(data), 1 << 20).unwrap_err();
        prop_assert_eq!(fault.kind, FaultKind::Invalid);
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_held() {
    let zeros = vec![0; 64 << 20];
    assert_eq!(refusal_of("gzip", gzip(&zeros), 1 << 20), (413, "request_too_large".into()));
    assert_eq!(refusal_of("zstd", zstd(&zeros), 1 << 20), (413, "request_too_large".into()));
}

#[test]
fn codings_that_are_not_ours_are_named() {
    for coding in ["br", "deflate", "gzip, zstd", "gzip, gzip", "\u{ff}"] {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_bytes(coding.as_bytes()).unwrap());
        let fault = Coding::of(&headers).unwrap_err();
        assert_eq!((fault.kind.http_status(), &*fault.code), (400, "unsupported_encoding"), "{coding}");
        assert!(fault.hint.unwrap().contains("`zstd`"));
    }
}

#[test]
fn what_follows_a_gzip_member_must_be_one() {
    let mut wire = gzip(b"{}");
    wire.extend_from_slice(b"{\"more\": 1}");
    assert_eq!(refusal_of("gzip", wire, 1 << 20).0, 400);
}

#[test]
fn a_length_over_the_limit_is_refused_unread() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("11"));
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::convert::Infallible>>());
    let fault = block_on(read(&headers, never, &allowance(10))).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooLarge);
}

#[test]
fn a_body_at_the_limit_passes() {
    assert_eq!(run("", Body::from("0123456789"), 10).unwrap().len(), 10);
    assert_eq!(refusal_of("", b"0123456789a".to_vec(), 10).0, 413);
}

#[test]
fn work_without_a_body_is_refused_however_it_is_spelled() {
    let empty_blocks = |count: usize| {
        // A member of stored blocks that hold nothing, and never end.
        let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        member.extend([0, 0, 0, 0xff, 0xff].repeat(count));
        member
    };
    let skipped: Vec<u8> = [&[0x50, 0x2a, 0x4d, 0x18, 0, 4, 0, 0][..], &[0; 1024]].concat();
    for (coding, wire) in [
        ("gzip", gzip(b"").repeat(100_000)),
        ("gzip", empty_blocks(200_000)),
        ("gzip", [gzip(b"{}"), gzip(b"").repeat(100_000)].concat()),
        ("zstd", zstd(b"").repeat(200_000)),
        ("zstd", skipped.repeat(2_000)),
    ] {
        assert_eq!(refusal_of(coding, wire, 64 << 20), (400, "invalid_encoding".into()), "{coding}");
    }
    // What cannot be compressed grows a little, and is sound.
    let mut noise = vec![0; 3 << 20];
    let mut state = 1_u64;
    for byte in &mut noise {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = state.to_be_bytes()[0];
    }
    assert_eq!(run("gzip", Body::from(gzip(&noise)), 4 << 20).unwrap(), noise);
    assert_eq!(run("zstd", Body::from(zstd(&noise)), 4 << 20).unwrap(), noise);
}

#[test]
fn bodies_count_while_they_are_held_and_are_refused_beyond_the_budget() {
    let all = Budget::default();
    let own = Budget::default();
    let allowance =
        Allowance { all: (all.clone(), 1 << 20), own: Some((own.clone(), 1 << 19)), ..allowance(1 << 20) };
    let body = |size: usize| Body::from(vec![b' '; size]);
    let first = block_on(read(&HeaderMap::new(), body(400 << 10), &allowance)).unwrap();
    assert!((400 << 10..500 << 10).contains(&own.standing(0).used));
    let fault = block_on(read(&HeaderMap::new(), body(400 << 10), &allowance)).unwrap_err();
    assert_eq!((fault.kind, &*fault.code), (FaultKind::Unavailable, "bodies_over_budget"));
    assert!(fault.retry_after_ms.is_some() && fault.hint.unwrap().contains("budgets.body_mib"));
    let bomb =
        block_on(read(&headers("gzip"), Body::from(gzip(&vec![0; 900 << 10])), &allowance)).unwrap_err();
    assert_eq!(&*bomb.code, "bodies_over_budget");
    drop(first);
    assert_eq!((all.standing(0).used, own.standing(0).used), (0, 0));
    block_on(read(&HeaderMap::new(), body(400 << 10), &allowance)).unwrap();
}

#[test]
fn a_body_has_a_time_as_a_whole() {
    let drip = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from_static(b" ")), ()))
    });
    let allowance = Allowance { seconds: 1, ..allowance(1 << 20) };
    let fault = block_on(read(&HeaderMap::new(), Body::from_stream(drip), &allowance)).unwrap_err();
    assert_eq!((fault.kind.http_status(), &*fault.code), (408, "request_timeout"));
}
