use proptest::prelude::*;

use super::graph::{Edge, circle};
use super::moves::{Claimed, Mover, next_order};
use super::*;

const NOW: Millis = Millis(1_790_000_000_000);

fn session(letter: char) -> Id<Session> {
    Id::parse(&format!("ses_0{}", letter.to_string().repeat(25))).unwrap()
}

fn mover(session: &Id<Session>) -> Mover<'_> {
    Mover { operator: "ada", session: Some(session), authority: false }
}

const BOSS: Mover<'static> = Mover { operator: "boss", session: None, authority: true };
const PERSON: Mover<'static> = Mover { operator: "bob", session: None, authority: false };

fn task() -> TaskRecord {
    TaskRecord {
        id: Id::parse(&format!("task_0{}", "0".repeat(25))).unwrap(),
        code: "APP-1".into(),
        workspace: "app".into(),
        title: "t".into(),
        body: String::new(),
        priority: Priority::P2,
        status: TaskStatus::Available,
        tags: Vec::new(),
        depends_on: Vec::new(),
        open_dependencies: 0,
        assignee: None,
        holder: None,
        claimed_at: None,
        lease_expires_at: None,
        siblings: false,
        attempts: 0,
        block: None,
        completed_at: None,
        completion_summary: None,
        created_by: "ada".into(),
        created_by_session: None,
        created_by_agent: false,
        created_at: NOW,
        updated_at: NOW,
        revision: 1,
    }
}

fn held_by(session: &Id<Session>) -> TaskRecord {
    task().claim(mover(session), NOW, Some(60_000)).unwrap().0
}

#[track_caller]
fn assert_refused(result: Result<impl std::fmt::Debug, Fault>, code: &str) -> Fault {
    let fault = result.unwrap_err();
    assert_eq!(fault.code, code, "{fault:?}");
    fault
}

#[test]
fn a_claim_has_one_winner_and_the_loser_is_told_whom() {
    let (a, b) = (session('a'), session('b'));
    let (task, how) = task().claim(mover(&a), NOW, Some(60_000)).unwrap();
    assert_eq!((how, task.status, task.attempts), (Claimed::Fresh, TaskStatus::InProgress, 1));
    let fault = assert_refused(task.clone().claim(mover(&b), NOW, None), "task_held");
    assert!(fault.message.contains(a.as_str()) && fault.message.contains("since"), "{fault:?}");
    let (again, how) = task.clone().claim(mover(&a), NOW.plus_ms(30_000), Some(60_000)).unwrap();
    assert_eq!((how, again.attempts, again.claimed_at), (Claimed::Renewed, 1, Some(NOW)));
    assert_eq!(again.lease_expires_at, Some(NOW.plus_ms(90_000)));
    // The lease ends at its last instant, not after it.
    assert_refused(task.clone().claim(mover(&b), NOW.plus_ms(59_999), None), "task_held");
    let (taken, _) = task.claim(mover(&b), NOW.plus_ms(60_000), None).unwrap();
    assert_eq!((taken.holder, taken.attempts, taken.lease_expires_at), (Some(b), 2, None));
}

#[test]
fn what_cannot_be_claimed_says_why() {
    let a = session('a');
    assert_refused(task().claim(PERSON, NOW, None), "session_required");
    let waiting = TaskRecord { depends_on: vec!["APP-2".into()], open_dependencies: 1, ..task() };
    assert!(
        assert_refused(waiting.claim(mover(&a), NOW, None), "dependencies_open").message.contains("APP-2")
    );
    let assigned = TaskRecord { assignee: Some("bob".into()), ..task() };
    assert!(assert_refused(assigned.claim(mover(&a), NOW, None), "task_assigned").message.contains("bob"));
    for assignee in ["ada", a.as_str()] {
        assert!(TaskRecord { assignee: Some(assignee.into()), ..task() }.claim(mover(&a), NOW, None).is_ok());
    }
    let blocked = task().block(mover(&a), NOW, "no key".into(), None).unwrap();
    assert!(assert_refused(blocked.claim(mover(&a), NOW, None), "task_blocked").message.contains("no key"));
    let done = held_by(&a).complete(mover(&a), NOW, None).unwrap();
    assert_refused(done.claim(mover(&a), NOW, None), "task_closed");
}

#[test]
fn only_the_holder_or_a_maintainer_ends_a_task() {
    let (a, b) = (session('a'), session('b'));
    assert_refused(held_by(&a).complete(mover(&b), NOW, None), "task_held");
    assert_refused(held_by(&a).release(mover(&b)), "task_held");
    assert_refused(held_by(&a).block(mover(&b), NOW, "x".into(), None), "task_held");
    assert_refused(held_by(&a).archive(mover(&b), &[]), "task_held");
    assert_refused(held_by(&a).assign(mover(&b), Some(b.to_string())), "task_held");
    assert_refused(task().complete(mover(&a), NOW, None), "task_not_held");
    assert_refused(task().complete(PERSON, NOW, None), "task_not_held");
    assert_refused(task().release(mover(&a)), "task_not_held");
    for task in [task(), held_by(&a)] {
        assert_eq!(task.complete(BOSS, NOW, None).unwrap().status, TaskStatus::Done);
    }
    assert!(held_by(&a).release(BOSS).is_ok() && held_by(&a).archive(BOSS, &[]).is_ok());
    let done = held_by(&a).complete(mover(&a), NOW, Some("s".into())).unwrap();
    assert_eq!((done.holder.clone(), done.lease_expires_at), (Some(a.clone()), None));
    assert_refused(done.clone().complete(BOSS, NOW, None), "task_closed");
    assert_refused(done.clone().release(BOSS), "task_closed");
    let open = done.reopen().unwrap();
    assert_eq!((open.status, open.holder.clone(), open.completed_at), (TaskStatus::Available, None, None));
    assert_refused(open.reopen(), "task_not_closed");
}

#[test]
fn blocking_lets_go_and_unblocking_opens() {
    let a = session('a');
    let blocked = held_by(&a).block(mover(&a), NOW, "waits".into(), Some("APP-2".into())).unwrap();
    assert_eq!((blocked.holder.clone(), blocked.status), (None, TaskStatus::Blocked));
    let again = blocked.clone().block(mover(&a), NOW.plus_ms(5), "still".into(), None).unwrap();
    assert_eq!(again.block, Some(Block { reason: "still".into(), on: None, since: NOW }));
    assert_eq!(blocked.unblock().unwrap(), TaskRecord { attempts: 1, ..task() });
    assert_refused(task().unblock(), "task_not_blocked");
}

#[test]
fn a_task_that_others_wait_for_is_not_put_away_unfinished() {
    let a = session('a');
    let waiting = ["APP-2".to_owned()];
    assert!(assert_refused(task().archive(mover(&a), &waiting), "task_needed").message.contains("APP-2"));
    let done = held_by(&a).complete(mover(&a), NOW, None).unwrap();
    let archived = done.archive(mover(&a), &waiting).unwrap();
    assert_eq!(archived.completed_at, Some(NOW));
    assert_refused(archived.may_change(), "task_closed");
    assert_refused(archived.archive(mover(&a), &[]), "task_closed");
}

#[test]
fn a_stale_revision_is_refused() {
    assert!(task().expect_revision(None).is_ok() && task().expect_revision(Some(1)).is_ok());
    assert!(
        assert_refused(task().expect_revision(Some(7)), "stale_revision")
            .message
            .contains("revision 1, not 7")
    );
}

#[test]
fn codes() {
    assert_eq!(code("my-app", 7), "MY-APP-7");
    for (typed, read) in [
        ("app-12", Some("APP-12")),
        (" APP-012 ", Some("APP-12")),
        ("my-app-2-3", Some("MY-APP-2-3")),
        ("APP", None),
        ("-1", None),
        ("APP-", None),
        ("APP-x", None),
        ("A P-1", None),
        ("APP-9999999999999999999", None),
    ] {
        assert_eq!(read_code(typed).as_deref(), read, "{typed}");
    }
}

#[test]
fn input_is_checked() {
    assert_eq!(check_title("title", "  a b ").unwrap(), "a b");
    for title in ["", "   ", "a\nb"] {
        assert_eq!(check_title("title", title).unwrap_err().param.as_deref(), Some("title"));
    }
    assert!(check_title("title", &"\u{e9}".repeat(TITLE_MAX)).is_ok());
    assert_refused(check_title("title", &"x".repeat(TITLE_MAX + 1)), "text_too_long");
    assert!(check_text("body", "x".repeat(TEXT_MAX)).is_ok());
    assert_refused(check_text("body", "x".repeat(TEXT_MAX + 1)), "text_too_long");
    assert_refused(check_said("reason", " \n".into()), "invalid_value");
    let tags = |tags: &[&str]| check_tags(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
    assert_eq!(tags(&["UI", "api ", "ui"]).unwrap(), ["api", "ui"]);
    for bad in [&["a,b"][..], &[""], &["a\tb"]] {
        assert!(tags(bad).is_err(), "{bad:?}");
    }
    assert_eq!(check_lease(None).unwrap(), None);
    assert_eq!(check_lease(Some(5)).unwrap(), Some(300_000));
    for minutes in [0, -5, 1_441, i64::MAX] {
        assert_refused(check_lease(Some(minutes)), "lease_out_of_range");
    }
}

#[test]
fn circles_are_found_and_told() {
    assert_eq!(circle("a", &["a"], &[]), Some(vec!["a".into(), "a".into()]));
    assert_eq!(circle("a", &["b"], &[("b", "c"), ("c", "a")]).unwrap(), ["a", "b", "c", "a"]);
    assert_eq!(circle("a", &["b", "c"], &[("b", "d"), ("c", "d")]), None);
    // The needs that are being replaced do not count.
    assert_eq!(circle("a", &["b"], &[("a", "c"), ("c", "b")]), None);
}

#[test]
fn the_next_task_is_mine_then_urgent_then_old() {
    let mut order = [
        next_order(false, Priority::P0, "2"),
        next_order(true, Priority::P3, "9"),
        next_order(false, Priority::P0, "1"),
        next_order(false, Priority::P2, "0"),
    ];
    order.sort_unstable();
    assert_eq!(order.map(|(_, _, id)| id), ["9", "1", "2", "0"]);
}

proptest! {
    /// A graph that only grows by accepted needs never has a circle.
    #[test]
    fn accepted_needs_never_close_a_circle(wishes in prop::collection::vec((0_u8..12, 0_u8..12), 0..80)) {
        let name = |number: u8| format!("t{number}");
        let mut edges: Vec<(String, String)> = Vec::new();
        for (who, what) in wishes {
            let (who, what) = (name(who), name(what));
            let known: Vec<Edge<'_>> = edges.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let mine: Vec<&str> = known.iter().filter(|(a, _)| *a == who).map(|(_, b)| *b).chain([what.as_str()]).collect();
            match circle(&who, &mine, &known) {
                None => edges.push((who, what)),
                Some(path) => {
                    prop_assert_eq!(path.first(), path.last());
                    for pair in path.windows(2) {
                        let closing = (pair[0].clone(), pair[1].clone());
                        prop_assert!(edges.contains(&closing) || closing == (who.clone(), what.clone()));
                    }
                }
            }
        }
        // Peeling off what waits for nothing empties it.
        let mut left = edges;
        loop {
            let waits: Vec<String> = left.iter().map(|(who, _)| who.clone()).collect();
            let before = left.len();
            left.retain(|(_, what)| waits.contains(what));
            if left.len() == before { break; }
        }
        prop_assert!(left.is_empty());
    }
}
