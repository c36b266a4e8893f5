//! Lines are the same however the stream is cut.

use proptest::prelude::*;

use super::Lines;

fn lines(chunks: &[&[u8]]) -> Vec<String> {
    let mut splitter = Lines::default();
    let mut frames: Vec<_> = chunks.iter().flat_map(|chunk| splitter.push(chunk).unwrap()).collect();
    frames.extend(splitter.finish());
    frames.into_iter().map(|frame| frame.data).collect()
}

#[test]
fn blank_lines_and_line_ends_are_left_out() {
    assert_eq!(lines(&[b"{\"a\":1}\r\n\n  \n{\"b\":2}"]), ["{\"a\":1}", "{\"b\":2}"]);
    assert!(Lines::new(4).push(b"12345").is_err());
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_lines(stream in "([a-zé]{0,4}\r?\n){0,8}[a-z]{0,3}", cut in 0_usize..64) {
        let cut = cut.min(stream.len());
        let (first, second) = stream.as_bytes().split_at(cut);
        prop_assert_eq!(lines(&[first, second]), lines(&[stream.as_bytes()]));
    }
}
