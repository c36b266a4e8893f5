//! What a client must have got, held against what it understood.

use super::*;
use brains_tests::Answer;

#[track_caller]
pub(super) fn check(cell: &str, answer: &Answer, stream: bool, expected: Expected) {
    check_as(Caller::Chat, cell, answer, stream, expected);
}

/// The same of a client of whichever wire. `expected` is in the words of chat.
#[track_caller]
pub(super) fn check_as(caller: Caller, cell: &str, answer: &Answer, stream: bool, expected: Expected) {
    private_things_stay_private(cell, answer);
    let heard = caller.read(answer);
    match expected {
        Whole => {
            assert_eq!(answer.status, 200, "{cell}: {}", answer.text());
            assert_eq!(
                (&*heard.text, heard.finished, heard.ended),
                (TEXT, true, true),
                "{cell}: {}",
                answer.text()
            );
            assert_eq!(heard.error, None, "{cell}");
            assert!(answer.header("content-type").starts_with("text/event-stream") == stream, "{cell}");
        }
        Error(status, kind, code, retry_after) => {
            assert_eq!(answer.status, status, "{cell}: {}", answer.text());
            typed(caller, cell, answer, false, (kind, code));
            assert_eq!(answer.header("retry-after"), retry_after, "{cell}");
            if !retry_after.is_empty() {
                assert_eq!(answer.header("retry-after-ms"), format!("{retry_after}000"), "{cell}");
            }
        }
        Event(kind, code) => {
            assert_eq!(answer.status, 200, "{cell}: {}", answer.text());
            typed(caller, cell, answer, true, (kind, code));
            assert!(heard.text.starts_with("gr"), "{cell}: what came before stays");
            assert!(heard.ended && !heard.finished, "{cell}: {}", answer.text());
        }
    }
}

#[track_caller]
fn typed(caller: Caller, cell: &str, answer: &Answer, streamed: bool, (kind, code): (&'static str, &str)) {
    let error =
        caller.read(answer).error.unwrap_or_else(|| panic!("{cell} tells no error: {}", answer.text()));
    let (has_kind, has_code) = caller.says(streamed);
    if has_kind {
        assert_eq!(error.kind, caller.kind(answer.status, kind), "{cell}: {error:?}");
    }
    if has_code && !code.is_empty() {
        assert_eq!(error.code, code, "{cell}: {error:?}");
    }
    assert!(!error.message.is_empty(), "{cell}: {error:?}");
}

#[track_caller]
fn private_things_stay_private(cell: &str, answer: &Answer) {
    let shown = format!("{:?} {}", answer.headers, answer.text());
    for private in [wire::UPSTREAM_KEY, "tenants", "sig=1", "/srv/", BODY_MARK] {
        assert!(!shown.contains(private), "{cell} tells `{private}`: {shown}");
    }
}
