//! Runs that look random: hexadecimal and base 64, 32 characters and more. Words change their kind of character
//! (small, capital, digit) seldom and random text all the time; that tells an identifier from a key.

use std::ops::Range;

use super::shapes::run;

/// Shortest run that is judged.
const LEAST: usize = 32;
/// A commit's hash.
const COMMIT: usize = 40;
/// Marks before a digest.
const DIGESTS: [&[u8]; 10] = [
    b"sha256:",
    b"sha512:",
    b"sha384:",
    b"sha1:",
    b"blake3:",
    b"sha256-",
    b"sha384-",
    b"sha512-",
    b"h1:",
    b"/nix/store/",
];
/// Words that say, on the same line before a run of hexadecimal digits, that it is a digest.
const ABOUT_DIGESTS: [&[u8]; 12] = [
    b"sha256",
    b"sha-256",
    b"sha512",
    b"sha-512",
    b"sha384",
    b"sha1",
    b"md5",
    b"blake",
    b"digest",
    b"checksum",
    b"commit",
    b"etag",
];
/// Bytes before a run in which such a word counts.
const NEAR: usize = 28;
/// Lengths of digests in hexadecimal digits.
const DIGEST_LENGTHS: [usize; 5] = [32, 40, 64, 96, 128];
/// Kinds of media that stand as base 64 in an address of their own.
const MEDIA: [&[u8]; 4] = [b"data:image/", b"data:audio/", b"data:video/", b"data:font/"];
/// Bytes between `data:` and what it holds.
const MEDIA_HEAD: usize = 96;

/// Adds every run that looks random.
pub(super) fn find(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let length = run(rest, in_run);
        if length < LEAST {
            at += length.max(1);
            continue;
        }
        let padding = run(rest.get(length..).unwrap_or_default(), |byte| byte == b'=').min(2);
        let whole = rest.get(..length).unwrap_or_default();
        let digest = DIGESTS
            .iter()
            .any(|mark| text.get(..at).is_some_and(|head| head.ends_with(mark)) || whole.starts_with(mark))
            || is_digest(text, at, whole)
            || is_media(text, at);
        if !digest {
            if is_random(whole) && !is_path(whole) {
                found.push(at..at + length + padding);
            } else {
                let mut from = at;
                for part in whole.split(|byte| *byte == b'/') {
                    if part.len() >= LEAST && part.len() < length && is_random(part) {
                        found.push(from..from + part.len());
                    }
                    from += part.len() + 1;
                }
            }
        }
        at += length + padding;
    }
}

/// Whether the run at `at` has a digest's form and is called one, or stands before a file's name as `sha256sum` writes it.
fn is_digest(text: &[u8], at: usize, run: &[u8]) -> bool {
    if !DIGEST_LENGTHS.contains(&run.len()) || !run.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let before = text.get(at.saturating_sub(NEAR)..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().to_ascii_lowercase();
    // `password checksum …` is no way to name a secret; a name that is sensitive has its value covered by that.
    let called = ABOUT_DIGESTS.iter().any(|word| line.windows(word.len()).any(|window| window == *word));
    let behind = text.get(at + run.len()..).unwrap_or_default();
    let listed = (line.is_empty() || before.is_empty())
        && (behind.starts_with(b"  ") || behind.starts_with(b" *"))
        && behind.get(2).is_some_and(|byte| !byte.is_ascii_whitespace());
    called || listed
}

/// Whether the run at `at` is a picture or the like, written into the text.
fn is_media(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(MEDIA_HEAD)..at).unwrap_or_default();
    before.ends_with(b";base64,")
        && MEDIA.iter().any(|kind| {
            before.windows(kind.len()).rposition(|window| window == *kind).is_some_and(|from| {
                before.get(from..).is_some_and(|head| !head.iter().any(u8::is_ascii_whitespace))
            })
        })
}

fn in_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

/// Whether at least three of its parts are plain words, as random text has none, and the others are not random either.
fn is_path(run: &[u8]) -> bool {
    let is_word = |part: &&[u8]| part.len() >= 3 && part.iter().all(u8::is_ascii_lowercase);
    let (words, others): (Vec<&[u8]>, Vec<&[u8]>) = run.split(|byte| *byte == b'/').partition(is_word);
    words.len() >= 3 && !is_random(&others.concat())
}

fn is_random(run: &[u8]) -> bool {
    let run = without_uuid(run);
    if run.len() < LEAST || is_our_id(run) {
        return false;
    }
    let count = |kind: fn(&u8) -> bool| run.iter().filter(|byte| kind(byte)).count();
    let (lower, upper, digits) =
        (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase), count(u8::is_ascii_digit));
    let signs = run.len() - lower - upper - digits;
    let entropy = entropy(run);
    if run.iter().all(u8::is_ascii_hexdigit) && (lower == 0 || upper == 0) && digits > 0 && lower + upper > 0
    {
        return entropy > 2.5 && !(run.len() == COMMIT && upper == 0);
    }
    if digits == run.len() {
        return run.len() >= LEAST && entropy > 2.9;
    }
    let changes = changes(run);
    let share = |part: usize| 100 * part / run.len();
    // Signs are rare in base 64, and frequent in paths and in names of several words.
    if share(signs) > 15 {
        return false;
    }
    match (lower > 0, upper > 0, digits > 0) {
        (true, true, true) => entropy > 3.9 && share(changes) >= 30,
        (true, true, false) => entropy > 4.0 && share(changes) >= 42,
        (_, _, true) => entropy > 3.4 && share(changes) >= 22 && digits >= 4,
        _ => false,
    }
}

/// How often the kind of character changes, signs left out.
fn changes(run: &[u8]) -> usize {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let pairs = run.windows(2).filter_map(|pair| match pair {
        [a, b] => Some((kind(*a)?, kind(*b)?)),
        _ => None,
    });
    pairs.filter(|(a, b)| a != b).count()
}

/// Shannon's entropy of the characters, in bits.
fn entropy(run: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in run {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(run.len()).unwrap_or(u32::MAX));
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

/// `run` without a UUID at its end and the sign before it.
fn without_uuid(run: &[u8]) -> &[u8] {
    let Some((head, tail)) = run.len().checked_sub(36).and_then(|at| run.split_at_checked(at)) else {
        return run;
    };
    let is_uuid = tail.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    if is_uuid && head.last().is_none_or(|byte| !byte.is_ascii_alphanumeric()) { head } else { run }
}

/// Our ids: letters, an underscore and 26 digits of base 32; those of completions as that wire writes them.
fn is_our_id(run: &[u8]) -> bool {
    let Some((head, tail)) = run.len().checked_sub(26).and_then(|at| run.split_at_checked(at)) else {
        return false;
    };
    let noun = |noun: &[u8]| noun.len() <= 8 && noun.iter().all(u8::is_ascii_lowercase);
    (head == b"chatcmpl-" || head.strip_suffix(b"_").is_some_and(noun))
        && tail.first().is_some_and(|first| (b'0'..=b'7').contains(first))
        && tail.iter().all(|byte| {
            byte.is_ascii_digit() || byte.is_ascii_lowercase() && !matches!(byte, b'i' | b'l' | b'o' | b'u')
        })
}
