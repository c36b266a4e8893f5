use proptest::prelude::*;

use super::*;
use crate::time::tests::Still;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
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
    ] {
        assert_eq!(pattern(text).to_string(), form, "{text}");
        assert_eq!(pattern(form), pattern(text));
    }
    for bad in ["/etc", "~/x", "../x", "a/../b", "a\\b", "{a,b}", "[ab]", "a**", "a\u{0}", &"x".repeat(1_025)]
    {
        let fault = Pattern::parse(bad).unwrap_err();
        assert_eq!((fault.code.as_ref(), fault.param.as_deref()), ("invalid_path", Some("path")), "{bad}");
        assert!(fault.hint.is_some());
    }
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
        ("**/*.rs", "docs/*.md", true),
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
        // Whatever lies below what the pattern names.
        (None, _) => true,
        (Some((&"**", rest)), _) if fits(rest, path) => true,
        (Some((&"**", _)), Some((_, path))) => fits(pattern, path),
        (Some((name, rest)), Some((first, path))) => {
            name_fits(name.as_bytes(), first.as_bytes()) && fits(rest, path)
        }
        _ => false,
    }
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
        let found = paths().iter().any(|path| fits(&mine, path) && fits(&theirs, path));
        let told = pattern(&mine.join("/")).overlaps(&pattern(&theirs.join("/")));
        prop_assert_eq!(told, found, "{:?} {:?}", mine, theirs);
    }

    #[test]
    fn no_text_is_too_odd(text in ".{0,40}") {
        if let Ok(read) = Pattern::parse(&text) {
            prop_assert_eq!(&pattern(&read.to_string()), &read);
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
            resource: Resource::path(path).unwrap(),
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
            resource: Resource::path(path).unwrap(),
            mode,
            session: self.sessions[session].clone(),
            since: Millis(0),
            alive_until: Millis(until),
        });
    }

    fn ask(&self, session: usize, path: &str, mode: LockMode, turn: Option<u64>) -> &'static str {
        let resource = Resource::path(path).unwrap();
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
        let resource = Resource::path(path).unwrap();
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

#[test]
fn a_workspace_is_its_paths_and_nothing_else() {
    let all = Resource::workspace();
    assert!(all.overlaps(&Resource::path("src").unwrap()) && Resource::path("src").unwrap().overlaps(&all));
    assert!(all.overlaps(&all) && !all.overlaps(&Resource::name("deploy").unwrap()));
    assert!(!Resource::task("A-1").unwrap().overlaps(&Resource::name("A-1").unwrap()));
    assert!(Resource::name(" ").is_err() && Resource::task("a\nb").is_err());
    assert_eq!(Resource::path("src/**").unwrap(), Resource::path("./src/").unwrap());
}

#[test]
fn times_and_waits_have_bounds() {
    assert_eq!(check_ttl(None).unwrap(), TTL_MS);
    for bad in [i64::MIN, 0, 999, 24 * 3_600_000 + 1] {
        assert_eq!(check_ttl(Some(bad)).unwrap_err().param.as_deref(), Some("ttl"));
    }
    assert!(check_wait(0).is_ok() && check_wait(WAIT_MAX_MS).is_ok() && check_wait(WAIT_MAX_MS + 1).is_err());
}
