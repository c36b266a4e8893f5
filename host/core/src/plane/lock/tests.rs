use proptest::prelude::*;

use super::*;
use crate::time::tests::Still;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text, None).unwrap()
}

#[test]
fn patterns_have_one_form() {
    for (text, form) in [
        ("", "**"),
        (".", "**"),
        ("**", "**"),
        ("**/**", "**"),
        ("./src//cart.rs", "src/cart.rs"),
        ("src/", "src"),
        ("src/**", "src"),
        ("**/**/*.rs", "**/*.rs"),
        ("a/**/b", "a/**/b"),
        ("src/../src/a.rs", "src/a.rs"),
        ("a/b/../../c", "c"),
        ("app/[slug]/page.tsx", "app/[slug]/page.tsx"),
        ("app/[...rest]/", "app/[...rest]"),
        ("app/[[...rest]]", "app/[[...rest]]"),
        ("{{cookiecutter.slug}}/setup.py", "{{cookiecutter.slug}}/setup.py"),
        ("~$report.docx", "~$report.docx"),
        ("conf.d/", "conf.d/**"),
        ("*/", "*/**"),
        ("*.rs", "*.rs"),
        (".github/", ".github"),
        ("v1.2/", "v1.2"),
    ] {
        assert_eq!(pattern(text).to_string(), form, "{text}");
        assert_eq!(pattern(form), pattern(text));
    }
    for bad in
        ["/etc", "~", "~/x", "../x", "a/../../b", "a/**/../b", "a\\b", "a**", "a\u{0}", &"x".repeat(1_025)]
    {
        let fault = Pattern::parse(bad, None).unwrap_err();
        assert_eq!((fault.code.as_ref(), fault.param.as_deref()), ("invalid_path", Some("path")), "{bad}");
        assert!(fault.hint.is_some());
    }
}

/// Agents write paths as their tools give them (Aider-AI/aider#2616), and frameworks put brackets into names
/// (vercel/next.js#88660).
#[test]
fn an_absolute_path_inside_of_the_workspace_is_the_relative_one() {
    for root in ["/home/ada/shop", "/home/ada/shop/"] {
        for (text, form) in [
            ("/home/ada/shop/src/cart.rs", "src/cart.rs"),
            ("/home/ada/shop/src/", "src"),
            ("/home/ada/shop/src/**/*.rs", "src/**/*.rs"),
            ("/home/ada/../ada/shop/./a", "a"),
            ("/home/ada/shop/src/../../shop/a", "a"),
            ("/home/ada/shop", "**"),
            ("src/cart.rs", "src/cart.rs"),
        ] {
            assert_eq!(Pattern::parse(text, Some(root)).unwrap().to_string(), form, "{text}");
        }
        for bad in ["/home/ada/shopping/a", "/home/ada", "/", "/etc/passwd", "/**/a", "/home/ada/shop/../x"] {
            let fault = Pattern::parse(bad, Some(root)).unwrap_err();
            assert_eq!(
                (fault.code.as_ref(), fault.param.as_deref()),
                ("invalid_path", Some("path")),
                "{bad}"
            );
        }
    }
    assert_eq!(Pattern::parse("/src/a", Some("/")).unwrap().to_string(), "src/a");
}

#[test]
fn patterns_meet_where_a_path_fits_both() {
    for (mine, theirs, meet) in [
        ("src", "src/cart.rs", true),
        ("src/cart.rs", "src/cart.rs/x", true),
        ("src", "srcs", false),
        ("*.rs", "cart.rs", true),
        ("*.rs", "src/cart.rs", false),
        ("*.rs", "*.toml", false),
        ("a*", "*b", true),
        ("a*c", "*b", false),
        ("a?c", "abc", true),
        ("src/*/mod.rs", "src/**/mod.rs", true),
        ("**/*.rs", "src", true),
        ("**/*.rs", "docs/*.md", false),
        ("**/*.rs", "docs/", true),
        ("**/*.rs", "docs/guide.md", false),
        ("**/*.rs", "src/cart.rs", true),
        ("src/**/*.rs", "src/README.md", false),
        ("src/**/*.rs", "src/**/*.md", false),
        ("src/**/*.rs", "src/a/b.rs", true),
        ("src/**/*.rs", "src/.hidden", true),
        ("src/*", "src/a.rs", true),
        ("src/*", "src/a/b.rs", false),
        ("src/*/", "src/a/b.rs", true),
        ("conf.d", "conf.d/x.conf", true),
        ("conf.d", "conf.d/*.conf", true),
        ("conf.d/", "**/*.conf", true),
        ("conf.d", "**/*.conf", false),
        ("v1.2", "**/*.rs", true),
        ("app/[id]", "app/i", false),
        ("app/[id]", "app/[id]/page.tsx", true),
        ("a.rs/**", "**/*.rs", true),
        ("docs/*.md", "src/*.md", false),
        ("", "anything/at/all", true),
    ] {
        assert_eq!(pattern(mine).overlaps(&pattern(theirs)), meet, "{mine} {theirs}");
        assert_eq!(pattern(theirs).overlaps(&pattern(mine)), meet, "{theirs} {mine}");
    }
}

/// Whether `path` fits `pattern`, by the definition and not by the table.
fn fits(pattern: &[&str], path: &[&str]) -> bool {
    fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) if name_fits(rest, name) => true,
            (Some((b'*', _)), Some((_, name))) => name_fits(pattern, name),
            (Some((symbol, rest)), Some((letter, name))) => {
                (symbol == letter || *symbol == b'?') && name_fits(rest, name)
            }
            _ => false,
        }
    }
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) if fits(rest, path) => true,
        (Some((&"**", _)), Some((_, path))) => fits(pattern, path),
        (Some((name, rest)), Some((first, path))) => {
            name_fits(name.as_bytes(), first.as_bytes()) && fits(rest, path)
        }
        _ => false,
    }
}

/// A pattern whose last name is no glob names everything below it, too.
fn names(pattern: &[&str], path: &[&str]) -> bool {
    let below = pattern.last().is_none_or(|last| *last == "**" || !last.contains(['*', '?']));
    fits(pattern, path) || below && (0..path.len()).any(|length| fits(pattern, &path[..length]))
}

/// Every path of at most four names out of `names`.
fn paths() -> Vec<Vec<&'static str>> {
    const NAMES: [&str; 6] = ["a", "b", "ab", "ba", "aa", "bb"];
    let mut all = vec![Vec::new()];
    let mut last = all.clone();
    for _ in 0..4 {
        last = last
            .iter()
            .flat_map(|path: &Vec<&'static str>| {
                NAMES.iter().map(move |name| path.iter().copied().chain([*name]).collect())
            })
            .collect();
        all.extend(last.clone());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn overlap_agrees_with_trying_every_path(
        mine in prop::collection::vec(prop::sample::select(vec!["a", "b", "a*", "*b", "?", "*", "**", "ab"]), 0..3),
        theirs in prop::collection::vec(prop::sample::select(vec!["a", "b", "*a", "b*", "?", "*", "**", "ba"]), 0..3),
    ) {
        let found = paths().iter().any(|path| names(&mine, path) && names(&theirs, path));
        let told = pattern(&mine.join("/")).overlaps(&pattern(&theirs.join("/")));
        prop_assert_eq!(told, found, "{:?} {:?}", mine, theirs);
    }

    #[test]
    fn no_text_is_too_odd(text in ".{0,40}") {
        if let Ok(read) = Pattern::parse(&text, None) {
            prop_assert_eq!(&pattern(&read.to_string()), &read);
let inside = format!("/root/{}", text.trim_start_matches('/'));
            prop_assert_eq!(Pattern::parse(&inside, Some("/root")).unwrap().to_string(), read.to_string());
            prop_assert!(read.overlaps(&read));
        }
    }
}

struct Bench {
    ambient: Still,
    sessions: Vec<Id<Session>>,
    workspace: Id<Workspace>,
    held: Vec<LockRecord>,
    waiting: Vec<WaitRecord>,
}

impl Bench {
    fn new() -> Self {
        let ambient = Still::at(0);
        Self {
            sessions: (0..4).map(|_| Id::mint(&ambient)).collect(),
            workspace: Id::mint(&ambient),
            ambient,
            held: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn hold(&mut self, session: usize, path: &str, mode: LockMode, until: i64) {
        self.held.push(LockRecord {
            id: Id::mint(&self.ambient),
            workspace: self.workspace.clone(),
            resource: Resource::path(path, None).unwrap(),
            mode,
            session: self.sessions[session].clone(),
            count: 1,
            fence: u64::try_from(self.held.len()).unwrap() + 1,
            acquired_at: Millis(0),
            expires_at: Millis(until),
            reason: None,
        });
    }

    fn wait(&mut self, session: usize, path: &str, mode: LockMode, until: i64) {
        self.waiting.push(WaitRecord {
            id: Id::mint(&self.ambient),
            turn: u64::try_from(self.waiting.len()).unwrap() + 1,
            resource: Resource::path(path, None).unwrap(),
            mode,
            session: self.sessions[session].clone(),
            since: Millis(0),
            alive_until: Millis(until),
        });
    }

    fn ask(&self, session: usize, path: &str, mode: LockMode, turn: Option<u64>) -> &'static str {
        let resource = Resource::path(path, None).unwrap();
        let wanted = Wanted { resource: &resource, mode, session: &self.sessions[session], turn };
        match decide(&wanted, &self.held, &self.waiting, Millis(10)) {
            LockDecision::Again(_) => "again",
            LockDecision::Upgrade(_) => "upgrade",
            LockDecision::Grant => "grant",
            LockDecision::Blocked { holders, .. } if holders.is_empty() => "queue",
            LockDecision::Blocked { .. } => "held",
        }
    }
}

#[test]
fn a_lock_is_given_once_shared_or_again() {
    use LockMode::{Exclusive, Shared};
    let mut bench = Bench::new();
    assert_eq!(bench.ask(0, "src", Exclusive, None), "grant");
    bench.hold(0, "src", Shared, 100);
    bench.hold(1, "old", Exclusive, 10);
    assert_eq!(bench.ask(0, "src", Shared, None), "again");
    assert_eq!(bench.ask(0, "src", Exclusive, None), "upgrade");
    assert_eq!(bench.ask(1, "src/a.rs", Shared, None), "grant");
    assert_eq!(bench.ask(1, "src/a.rs", Exclusive, None), "held");
    assert_eq!(bench.ask(2, "old", Exclusive, None), "grant", "it ran out");
    bench.hold(1, "src/a.rs", Shared, 100);
    assert_eq!(bench.ask(0, "src", Exclusive, None), "held", "somebody else reads below it");
}

#[test]
fn whoever_waits_longer_comes_first() {
    use LockMode::{Exclusive, Shared};
    let mut bench = Bench::new();
    bench.hold(0, "src", Shared, 100);
    bench.wait(1, "src", Exclusive, 100);
    bench.wait(2, "src/a", Shared, 100);
    bench.wait(3, "docs", Exclusive, 10);
    assert_eq!(bench.ask(3, "src", Shared, None), "queue", "readers do not pass a waiting writer");
    assert_eq!(bench.ask(2, "src/a", Shared, Some(2)), "queue");
    assert_eq!(bench.ask(1, "src", Exclusive, Some(1)), "held");
    assert_eq!(bench.ask(2, "docs", Exclusive, None), "grant", "a waiter that went away counts for nothing");
    assert_eq!(
        bench.ask(0, "src", Exclusive, None),
        "upgrade",
        "a holder does not wait for waiters behind it"
    );
    bench.held.clear();
    assert_eq!(bench.ask(1, "src", Exclusive, Some(1)), "grant");
    assert_eq!(bench.ask(2, "src/a", Shared, Some(2)), "queue");
}

#[test]
fn a_circle_of_waiters_is_seen() {
    use LockMode::{Exclusive, Shared};
    let mut bench = Bench::new();
    let dead = |bench: &Bench, session: usize, path: &str, mode: LockMode| {
        let resource = Resource::path(path, None).unwrap();
        let wanted = Wanted { resource: &resource, mode, session: &bench.sessions[session], turn: None };
        deadlock(&wanted, &bench.held, &bench.waiting, Millis(10))
    };
    bench.hold(0, "a", Exclusive, 100);
    bench.hold(1, "b", Exclusive, 100);
    bench.hold(2, "c", Shared, 100);
    assert!(!dead(&bench, 0, "b", Exclusive));
    bench.wait(1, "c", Exclusive, 100);
    assert!(!dead(&bench, 0, "b", Exclusive));
    bench.wait(2, "a", Exclusive, 100);
    assert!(dead(&bench, 0, "b", Exclusive), "0 waits for 1, 1 for 2, 2 for 0");
    assert!(!dead(&bench, 3, "b", Exclusive), "whoever holds nothing closes no circle");
}

/// As Postgres puts one who holds a lock before those whom it keeps waiting.
#[test]
fn a_holder_passes_those_whom_it_keeps_waiting() {
    use LockMode::{Exclusive, Shared};
    let mut bench = Bench::new();
    bench.hold(0, "src", Exclusive, 100);
    bench.wait(1, "src", Exclusive, 100);
    bench.wait(2, "src/x.rs", Shared, 100);
    assert_eq!(bench.ask(0, "src/x.rs", Exclusive, None), "grant", "both wait for what it holds");
    assert_eq!(bench.ask(3, "src/x.rs", Exclusive, None), "held");
    // One who waits for more than it holds keeps others waiting behind it.
    bench.waiting.clear();
    bench.wait(1, "**", Exclusive, 100);
    bench.wait(2, "docs", Exclusive, 100);
    assert_eq!(bench.ask(0, "docs", Exclusive, None), "grant", "2 stands behind 1, who waits for 0");
    assert_eq!(bench.ask(3, "docs", Exclusive, None), "queue");
    bench.waiting.remove(0);
    assert_eq!(bench.ask(0, "docs", Exclusive, None), "queue", "whom it does not keep waiting comes first");
}

/// cockroachdb/cockroach#110435: who waits in a queue waits for those ahead of it.
#[test]
fn a_circle_through_a_queue_is_seen() {
    use LockMode::{Exclusive, Shared};
    let mut bench = Bench::new();
    let dead = |bench: &Bench, session: usize, path: &str, mode: LockMode| {
        let resource = Resource::path(path, None).unwrap();
        let wanted = Wanted { resource: &resource, mode, session: &bench.sessions[session], turn: None };
        deadlock(&wanted, &bench.held, &bench.waiting, Millis(10))
    };
    bench.hold(0, "r", Shared, 100);
    bench.hold(1, "q", Exclusive, 100);
    bench.wait(2, "r", Exclusive, 100);
    assert!(!dead(&bench, 0, "q", Exclusive));
    bench.wait(1, "r", Shared, 100);
    assert!(dead(&bench, 0, "q", Exclusive), "0 waits for 1, 1 stands behind 2, 2 waits for 0");
    assert!(!dead(&bench, 3, "q", Exclusive));
    bench.waiting.reverse();
    for (turn, wait) in (1..).zip(&mut bench.waiting) {
        wait.turn = turn;
    }
    assert!(!dead(&bench, 0, "q", Exclusive), "1 stands before 2 and is served");
}

/// Over every small bench: whoever waits and closes no circle is served when those who can go on do and let go of all.
#[test]
fn nobody_waits_for_ever_unseen() {
    fn runs_dry(mut held: Vec<LockRecord>, mut waiting: Vec<WaitRecord>) -> bool {
        let Some(any) = held.first().cloned() else { return waiting.is_empty() };
        while !waiting.is_empty() {
            let served = waiting.iter().position(|wait| {
                let wanted = Wanted {
                    resource: &wait.resource,
                    mode: wait.mode,
                    session: &wait.session,
                    turn: Some(wait.turn),
                };
                !matches!(decide(&wanted, &held, &waiting, Millis(10)), LockDecision::Blocked { .. })
            });
            if let Some(place) = served {
                let WaitRecord { resource, mode, session, .. } = waiting.remove(place);
                held.push(LockRecord { resource, mode, session, ..any.clone() });
                continue;
            }
            // Sessions that wait for nothing let go.
            let waits = |session: &Id<Session>| waiting.iter().any(|wait| wait.session == *session);
            let before = held.len();
            held.retain(|lock| waits(&lock.session));
            if held.len() == before {
                return false;
            }
        }
        true
    }
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 2_000, ..Default::default() });
    let path = prop::sample::select(vec!["a", "b", "a/x.rs", "*", "**/*.rs", "**"]);
    let mode = prop::sample::select(vec![LockMode::Shared, LockMode::Exclusive]);
    let steps = prop::collection::vec((0..4_usize, path, mode), 1..10);
    let run = |steps: Vec<(usize, &str, LockMode)>| {
        let mut bench = Bench::new();
        for (session, path, mode) in steps {
            let resource = Resource::path(path, None).unwrap();
            let owner = bench.sessions[session].clone();
            let wanted = Wanted { resource: &resource, mode, session: &owner, turn: None };
            // One call at a time, as agents make them.
            if bench.waiting.iter().any(|wait| wait.session == owner) {
                continue;
            }
            match decide(&wanted, &bench.held, &bench.waiting, Millis(10)) {
                LockDecision::Again(_) => {}
                LockDecision::Upgrade(own) => {
                    let id = own.id.clone();
                    bench.held.iter_mut().find(|lock| lock.id == id).unwrap().mode = mode;
                }
                LockDecision::Grant => bench.hold(session, path, mode, 100),
                LockDecision::Blocked { .. } => {
                    if !deadlock(&wanted, &bench.held, &bench.waiting, Millis(10)) {
                        bench.wait(session, path, mode, 100);
                    }
                }
            }
        }
        prop_assert!(
            runs_dry(bench.held.clone(), bench.waiting.clone()),
            "{:?} {:?}",
            bench.held,
            bench.waiting
        );
        Ok(())
    };
    runner.run(&steps, run).unwrap();
}

#[test]
fn a_workspace_is_its_paths_and_nothing_else() {
    let all = Resource::workspace();
    assert!(
        all.overlaps(&Resource::path("src", None).unwrap())
            && Resource::path("src", None).unwrap().overlaps(&all)
    );
    assert!(all.overlaps(&all) && !all.overlaps(&Resource::name("deploy").unwrap()));
    assert!(!Resource::task("A-1").unwrap().overlaps(&Resource::name("A-1").unwrap()));
    assert!(Resource::name(" ").is_err() && Resource::task("a\nb").is_err());
    assert_eq!(Resource::path("src/**", None).unwrap(), Resource::path("./src/", None).unwrap());
}

#[test]
fn times_and_waits_have_bounds() {
    assert_eq!(check_ttl(None).unwrap(), TTL_MS);
    for bad in [i64::MIN, 0, 999, 24 * 3_600_000 + 1] {
        assert_eq!(check_ttl(Some(bad)).unwrap_err().param.as_deref(), Some("ttl"));
    }
    assert!(check_wait(0).is_ok() && check_wait(WAIT_MAX_MS).is_ok() && check_wait(WAIT_MAX_MS + 1).is_err());
}
