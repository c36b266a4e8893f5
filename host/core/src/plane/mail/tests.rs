use super::*;
use crate::plane::task::{TEXT_MAX, TITLE_MAX};

const NOW: Millis = Millis(1_790_000_000_000);

#[test]
fn contents_are_checked() {
    let content = MailText::check(" Hello ", "b".into(), "Info").unwrap();
    assert_eq!((content.subject.as_str(), content.kind.as_str()), ("Hello", "info"));
    for (subject, kind, param) in [("", "info", "subject"), ("a", "", "kind"), ("a", "two words", "kind")] {
        assert_eq!(MailText::check(subject, String::new(), kind).unwrap_err().param.as_deref(), Some(param));
    }
    assert_eq!(MailText::check("a", "x".repeat(TEXT_MAX + 1), "info").unwrap_err().kind, FaultKind::TooLarge);
}

#[test]
fn answers_keep_the_subject() {
    assert_eq!(reply_subject("Build"), "Re: Build");
    assert_eq!(reply_subject("RE: Build"), "RE: Build");
    assert_eq!(reply_subject("\u{e9}\u{e9}"), "Re: \u{e9}\u{e9}");
    assert_eq!(reply_subject(&"x".repeat(TITLE_MAX)).chars().count(), TITLE_MAX);
}

#[test]
fn broadcasts_expire_by_themselves() {
    assert_eq!(expiry(None, false, NOW).unwrap(), None);
    assert_eq!(expiry(None, true, NOW).unwrap(), Some(NOW.plus_ms(86_400_000)));
    assert_eq!(expiry(Some(2), true, NOW).unwrap(), Some(NOW.plus_ms(120_000)));
    for minutes in [0, -1, 43_201] {
        assert_eq!(
            expiry(Some(minutes), false, NOW).unwrap_err().param.as_deref(),
            Some("expires_in_minutes")
        );
    }
}

#[test]
fn the_rate_is_bounded() {
    assert!(check_rate(RATE_MAX - 1).is_ok());
    let fault = check_rate(RATE_MAX).unwrap_err();
    assert_eq!((fault.kind, fault.retry_after_ms), (FaultKind::RateLimited, Some(30_000)));
}

#[test]
fn the_notice_counts_and_tells_nothing() {
    for (unread, line) in [
        (0, None),
        (1, Some("1 unread message: read_messages shows it")),
        (2, Some("2 unread messages: read_messages shows them")),
        (100, Some("more than 99 unread messages: read_messages shows them")),
    ] {
        assert_eq!(notice(unread).as_deref(), line);
    }
}

#[test]
fn ranks_are_the_order_of_urgency() {
    for pair in Urgency::ALL.windows(2) {
        assert!(pair[0] < pair[1] && pair[0].rank() < pair[1].rank());
    }
    assert_eq!(Urgency::ALL.map(|urgency| Urgency::of_rank(urgency.rank())), Urgency::ALL.map(Some));
    assert_eq!(Urgency::of_rank(9), None);
}
