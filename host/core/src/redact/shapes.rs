//! Credentials that are known by their form: issuers' prefixes, JWTs, PEM blocks, bot tokens, user names in URLs.

use std::ops::Range;

/// What a token's body is made of.
#[derive(Debug, Clone, Copy)]
enum Body {
    /// Letters, digits, `_` and `-`.
    Word,
    /// As [`Body::Word`], and dots.
    Dotted,
    /// Letters, digits and `+/=_-`.
    Base64,
    /// Hexadecimal digits and nothing else behind them.
    Hex,
    /// Capitals and digits.
    Upper,
}

/// Prefix, length of the body at least, its characters. Bodies are long enough that no word of a language fits.
const PREFIXES: [(&str, usize, Body); 86] = [
    ("sk-ant-", 8, Body::Word),
    ("sk-proj-", 8, Body::Word),
    ("sk-svcacct-", 8, Body::Word),
    ("sk-or-", 8, Body::Word),
    ("sk-lf-", 8, Body::Word),
    ("sk_live_", 8, Body::Word),
    ("sk_test_", 8, Body::Word),
    ("rk_live_", 8, Body::Word),
    ("rk_test_", 8, Body::Word),
    ("pk_live_", 8, Body::Word),
    ("whsec_", 16, Body::Base64),
    ("brk_", 20, Body::Word),
    ("ghp_", 16, Body::Word),
    ("gho_", 16, Body::Word),
    ("ghs_", 16, Body::Word),
    ("ghu_", 16, Body::Word),
    ("ghr_", 16, Body::Word),
    ("github_pat_", 16, Body::Word),
    ("glpat-", 16, Body::Dotted),
    ("gldt-", 16, Body::Word),
    ("glrt-", 16, Body::Word),
    ("glptt-", 16, Body::Word),
    ("xoxa-", 8, Body::Word),
    ("xoxb-", 8, Body::Word),
    ("xoxc-", 8, Body::Word),
    ("xoxd-", 8, Body::Base64),
    ("xoxe-", 8, Body::Word),
    ("xoxe.", 8, Body::Dotted),
    ("xoxo-", 8, Body::Word),
    ("xoxp-", 8, Body::Word),
    ("xoxr-", 8, Body::Word),
    ("xoxs-", 8, Body::Word),
    ("xapp-", 16, Body::Word),
    ("AKIA", 16, Body::Upper),
    ("ASIA", 16, Body::Upper),
    ("ABIA", 16, Body::Upper),
    ("ACCA", 16, Body::Upper),
    ("AIza", 30, Body::Word),
    ("ya29.", 16, Body::Dotted),
    ("GOCSPX-", 16, Body::Word),
    ("1//0", 20, Body::Word),
    ("npm_", 24, Body::Word),
    ("pypi-", 16, Body::Word),
    ("hf_", 24, Body::Word),
    ("gsk_", 16, Body::Word),
    ("r8_", 24, Body::Word),
    ("xai-", 24, Body::Word),
    ("pplx-", 24, Body::Word),
    ("nvapi-", 24, Body::Word),
    ("fw_", 20, Body::Word),
    ("shpat_", 16, Body::Hex),
    ("shpca_", 16, Body::Hex),
    ("shppa_", 16, Body::Hex),
    ("shpss_", 16, Body::Hex),
    ("SG.", 32, Body::Dotted),
    ("SK", 32, Body::Hex),
    ("AC", 32, Body::Hex),
    ("key-", 32, Body::Hex),
    ("dop_v1_", 16, Body::Word),
    ("doo_v1_", 16, Body::Word),
    ("dor_v1_", 16, Body::Word),
    ("dapi", 32, Body::Hex),
    ("hvs.", 16, Body::Word),
    ("hvb.", 16, Body::Word),
    ("dp.pt.", 16, Body::Word),
    ("dp.st.", 16, Body::Dotted),
    ("lin_api_", 16, Body::Word),
    ("lsv2_", 16, Body::Word),
    ("ntn_", 24, Body::Word),
    ("figd_", 16, Body::Word),
    ("glsa_", 16, Body::Word),
    ("glc_", 24, Body::Base64),
    ("sbp_", 24, Body::Word),
    ("sntrys_", 16, Body::Base64),
    ("sntryu_", 16, Body::Word),
    ("tskey-", 16, Body::Word),
    ("NRAK-", 16, Body::Upper),
    ("PMAK-", 24, Body::Word),
    ("rubygems_", 24, Body::Word),
    ("sq0atp-", 16, Body::Word),
    ("sq0csp-", 16, Body::Word),
    ("EAAA", 24, Body::Word),
    ("ATATT3", 24, Body::Base64),
    ("ATCTT3", 24, Body::Base64),
    ("AGE-SECRET-KEY-1", 16, Body::Word),
    ("vercel_", 20, Body::Word),
];

/// Marks after which the rest of an address is the credential.
const HOOKS: [&[u8]; 3] = [b"hooks.slack.com/services/", b"hooks.slack.com/workflows/", b"/api/webhooks/"];

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// Bytes of a user name and password in a URL that are looked at.
const USERINFO_MAX: usize = 512;

/// Bytes at a token's head that decide whether it is one.
const NEAR: usize = 512;

/// Adds every span of `text` that has such a form.
pub(super) fn find(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let span = match rest.first() {
            Some(b'-') if rest.starts_with(BEGIN) => Some(at..at + block(rest)),
            Some(b':') if rest.starts_with(b"://") => userinfo(text, at + 3),
            Some(b':') => bot_token(text, at),
            Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'/' => {
                let fresh = at
                    .checked_sub(1)
                    .and_then(|before| text.get(before))
                    .is_none_or(|byte| !byte.is_ascii_alphanumeric());
                let length = hook(rest).or_else(|| if fresh { token(rest) } else { None });
                length.map(|(from, to)| at + from..at + to)
            }
            _ => None,
        };
        match span {
            Some(span) => {
                at = span.end.max(at + 1);
                found.push(span);
            }
            None => at += 1,
        }
    }
}

/// Length of the PEM block at the head; without its end it goes on to the end of the text.
fn block(rest: &[u8]) -> usize {
    let Some(end) = search(rest, END) else { return rest.len() };
    let after = end + END.len();
    rest.get(after..)
        .and_then(|tail| search(tail, DASHES))
        .map_or(rest.len(), |dashes| after + dashes + DASHES.len())
}

fn search(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn hook(rest: &[u8]) -> Option<(usize, usize)> {
    let mark = HOOKS.iter().find(|mark| rest.starts_with(mark))?;
    let length = run(rest.get(mark.len()..)?, |byte| is_word(byte) || byte == b'/');
    (length >= 16).then_some((mark.len(), mark.len() + length))
}

/// The token at the head of `rest`, which begins a word.
fn token(rest: &[u8]) -> Option<(usize, usize)> {
    for (prefix, least, body) in &PREFIXES {
        if let Some(tail) = rest.strip_prefix(prefix.as_bytes()) {
            let length = run(tail, |byte| body.takes(byte));
            let ends = !matches!(body, Body::Hex) || !tail.get(length).is_some_and(u8::is_ascii_alphanumeric);
            if length >= *least && ends {
                return Some((0, prefix.len() + length));
            }
        }
    }
    general(rest).or_else(|| web_token(rest)).or_else(|| three_parts(rest)).map(|length| (0, length))
}

/// `sk-` and a body with a digit in it: many issuers use it.
fn general(rest: &[u8]) -> Option<usize> {
    let tail = rest.strip_prefix(b"sk-")?;
    let body = tail.get(..run(tail.get(..64).unwrap_or(tail), is_word))?;
    (body.len() >= 16 && body.iter().any(u8::is_ascii_digit)).then(|| run(tail, is_word) + 3)
}

/// A JSON web token, signed or not, or its first two parts.
fn web_token(rest: &[u8]) -> Option<usize> {
    let tail = rest.strip_prefix(b"eyJ")?;
    if tail.get(run(near(tail), is_word)) != Some(&b'.') {
        return None;
    }
    let length = run(tail, |byte| is_word(byte) || matches!(byte, b'.' | b'=' | b'+' | b'/'));
    (length >= 16).then_some(length + 3)
}

/// What is looked at before it is clear that a token stands there: a bound, so that the scan stays linear.
fn near(rest: &[u8]) -> &[u8] {
    rest.get(..NEAR).unwrap_or(rest)
}

/// Three parts between dots, as chat bots have them.
fn three_parts(rest: &[u8]) -> Option<usize> {
    let first = run(rest.get(..32).unwrap_or(rest), is_word);
    if !(23..=28).contains(&first) || rest.get(first) != Some(&b'.') {
        return None;
    }
    let tail = rest.get(first + 1..)?;
    let second = run(near(tail), is_word);
    if !(6..=7).contains(&second) || tail.get(second) != Some(&b'.') {
        return None;
    }
    let third = run(tail.get(second + 1..)?, is_word);
    (third >= 27).then_some(first + second + third + 2)
}

/// Eight to eleven digits before the colon at `at`, and a long word behind it.
fn bot_token(text: &[u8], at: usize) -> Option<Range<usize>> {
    let before = text.get(..at)?;
    let digits = before.iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let length = run(text.get(at + 1..)?, is_word);
    ((8..=11).contains(&digits) && length >= 30).then_some(at - digits..at + 1 + length)
}

/// The user name and password of the URL whose authority begins at `from`: the password when there is one, else a
/// name that is too long for a name.
fn userinfo(text: &[u8], from: usize) -> Option<Range<usize>> {
    let window = text.get(from..)?;
    let window = window.get(..window.len().min(USERINFO_MAX)).unwrap_or(window);
    let address = window.get(
        ..run(window, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'<' | b'>' | b'`')),
    )?;
    let authority = address.get(..run(address, |byte| !matches!(byte, b'/' | b'?' | b'#')))?;
    let at = if let Some(at) = authority.iter().rposition(|byte| *byte == b'@') {
        at
    } else {
        // A password with a slash in it; a port is only digits.
        let colon = authority.iter().position(|byte| *byte == b':')?;
        if authority.get(colon + 1..)?.iter().all(u8::is_ascii_digit) || authority.first() == Some(&b'[') {
            return None;
        }
        address.iter().rposition(|byte| *byte == b'@')?
    };
    let info = address.get(..at)?;
    let (start, length) = match info.iter().position(|byte| *byte == b':') {
        Some(colon) => (colon + 1, at - colon - 1),
        None if at >= 16 => (0, at),
        None => return None,
    };
    let covered = address.get(start..at) == Some(super::COVER.as_bytes());
    (length > 0 && !covered).then_some(from + start..from + at)
}

impl Body {
    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Word => is_word(byte),
            Self::Dotted => is_word(byte) || byte == b'.',
            Self::Base64 => is_word(byte) || matches!(byte, b'+' | b'/' | b'='),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        }
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// How many bytes at the head `wanted` takes.
pub(super) fn run(text: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|byte| wanted(**byte)).count()
}
