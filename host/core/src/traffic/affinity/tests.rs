//! The rules against a model that remembers everything.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;

const LIFETIME_MS: i64 = 100;
const WIDE: PlaceLimits = PlaceLimits { conversations: 1_000, bytes: 1 << 20 };

fn key(name: &str) -> ConversationKey {
    ConversationMark::of_session(name).owned_by("ann", "k1")
}

fn turn<'a>(tier: &'a str, provider: &'a str, tokens: u32) -> AnsweredTurn<'a> {
    AnsweredTurn { tier, provider, model: "m", tokens, lifetime_ms: LIFETIME_MS }
}

fn used_place(provider: &str, moves: u32, used_at: i64) -> WarmPlace {
    WarmPlace {
        moves,
        used_at: Millis(used_at),
        cold_at: Millis(used_at + LIFETIME_MS),
        ..WarmPlace::after(turn("t", provider, 1), None, Millis(0))
    }
}

#[test]
fn conversations_are_told_from_each_other_and_from_those_of_others() {
    let mark = ConversationMark::of_session("a");
    let marks = [
        mark,
        ConversationMark::of_cache_key("a"),
        ConversationMark::of_opening(["a"]),
        ConversationMark::of_opening(["a", ""]),
        ConversationMark::of_opening(["", "a"]),
    ];
    for (at, one) in marks.iter().enumerate() {
        assert!(marks.iter().skip(at + 1).all(|other| one != other), "{at}");
    }
    assert_ne!(mark.owned_by("ann", "k1"), mark.owned_by("ann", "k2"));
    assert_ne!(mark.owned_by("ann", "k1"), mark.owned_by("bob", "k1"));
    assert_ne!(mark.owned_by("an", "nk1"), mark.owned_by("ann", "k1"));
    assert_eq!(mark.owned_by("ann", "k1"), ConversationMark::of_session("a").owned_by("ann", "k1"));
    assert_eq!(key("a").to_text().len(), 64);
}

/// Shared out evenly, and a candidate that goes takes no other's with it.
#[test]
fn what_is_drawn_is_shared_out() {
    let candidates = ["a/m", "b/m", "c/m"];
    let drawn = |session: u32, among: &[&'static str]| {
        let mark = ConversationMark::of_session(&session.to_string());
        among.iter().copied().max_by(|a, b| mark.draw(a).total_cmp(&mark.draw(b))).unwrap()
    };
    let mut shares = HashMap::new();
    for session in 0..3_000 {
        let all = drawn(session, &candidates);
        *shares.entry(all).or_insert(0) += 1;
        let without = drawn(session, &["a/m", "b/m"]);
        assert!(all == "c/m" || all == without);
        assert!((0.0..1.0).contains(&ConversationMark::of_session(&session.to_string()).draw("a/m")));
    }
    assert!(shares.values().all(|share| (900..1_100).contains(share)), "{shares:?}");
}

#[test]
fn a_turn_elsewhere_is_a_move_while_it_is_warm() {
    let first = WarmPlace::after(turn("t", "a", 10), None, Millis(0));
    assert_eq!((first.moves, first.warm_tokens, first.cold_at), (0, 10, Millis(100)));
    let second = WarmPlace::after(turn("t", "a", 5), Some(&first), Millis(50));
    assert_eq!((second.moves, second.warm_tokens, second.cold_at), (0, 10, Millis(150)));
    let moved = WarmPlace::after(turn("t", "b", 7), Some(&second), Millis(60));
    assert_eq!((moved.moves, moved.warm_tokens, moved.cold_at), (1, 7, Millis(160)));
    let anew = WarmPlace::after(turn("t", "a", 7), Some(&moved), Millis(160));
    assert_eq!(anew.moves, 0, "what is cold is forgotten");
    let long = AnsweredTurn { lifetime_ms: HOUR_MS, ..turn("t", "a", 1) };
    let kept = WarmPlace::after(long, None, Millis(0));
    let short = WarmPlace::after(turn("t", "a", 1), Some(&kept), Millis(1));
    assert_eq!(short.cold_at, Millis(HOUR_MS), "a short turn takes nothing of the hour");
}

/// A turn that began before the conversation moved ends behind it.
#[test]
fn overlapping_turns_do_not_bring_it_back() {
    let mut known = WarmPlaces::default();
    let before = used_place("a", 0, 0);
    known.note(key("s"), before.clone(), 1, WIDE);
    let moved = WarmPlace::after(turn("t", "b", 1), Some(&before), Millis(10));
    assert_eq!(known.note(key("s"), moved.clone(), 1, WIDE), Some(moved.clone()));
    let late = WarmPlace::after(turn("t", "a", 1), Some(&before), Millis(20));
    assert_eq!(known.note(key("s"), late, 1, WIDE), None);
    assert_eq!(known.find(&key("s"), Millis(20)).unwrap().places, [moved]);
}

#[test]
fn others_are_told_now_and_then() {
    let mut known = WarmPlaces::default();
    let mut at = None;
    let mut told = Vec::new();
    for ms in 0..100 {
        let next = WarmPlace::after(turn("t", "a", 10), at.as_ref(), Millis(ms));
        told.extend(known.note(key("s"), next.clone(), 0, WIDE).map(|_| ms));
        at = Some(next);
    }
    assert_eq!(told, [0, 25, 50, 75]);
    let more = WarmPlace::after(turn("t", "a", 16), at.as_ref(), Millis(99));
    assert!(known.note(key("s"), more, 0, WIDE).is_some(), "there is much more of it");
}

#[test]
fn the_first_to_be_cold_make_room() {
    let mut known = WarmPlaces::default();
    let limits = PlaceLimits { conversations: 2, bytes: 1 << 20 };
    for (name, at) in [("x", 1), ("y", 0), ("z", 2)] {
        known.note(key(name), used_place("a", 0, at), 0, limits);
    }
    assert_eq!(known.size().0, 2);
    assert!(known.find(&key("y"), Millis(3)).is_none());
    let tight = PlaceLimits { conversations: 2, bytes: 1 };
    known.note(key("x"), used_place("a", 0, 3), 0, tight);
    assert_eq!(known.size(), (0, 0));
    for tier in 0..9 {
        let tier = tier.to_string();
        let place = WarmPlace { tier, ..used_place("a", 0, i64::from(known.size().1 > 0)) };
        known.note(key("x"), place, 0, WIDE);
    }
    assert_eq!(known.find(&key("x"), Millis(3)).unwrap().places.len(), 4);
}

fn any_place() -> impl Strategy<Value = WarmPlace> {
    ("[abc]", 0_u32..3, 0_i64..300).prop_map(|(provider, moves, at)| used_place(&provider, moves, at))
}

proptest! {
    /// Of two that differ one is the later, whoever asks.
    #[test]
    fn one_of_two_is_the_later(a in any_place(), b in any_place()) {
        if a == b {
            prop_assert!(a.supersedes(&b));
        } else {
            prop_assert_ne!(a.supersedes(&b), b.supersedes(&a), "{:?} {:?}", a, b);
        }
    }

    /// Those that are warm at one time come to the same, in whichever order they are heard of.
    #[test]
    fn the_order_of_hearing_does_not_matter(
        told in proptest::collection::vec(("[abc]", 0_u32..3, 0_i64..100), 1..6).prop_map(|told| {
            told.into_iter().map(|(provider, moves, at)| used_place(&provider, moves, at)).collect::<Vec<_>>()
        }),
        turned in any::<prop::sample::Index>(),
    ) {
        let heard = |order: &[WarmPlace]| {
            let mut known = WarmPlaces::default();
            for place in order {
                let told = KnownPlaces { places: vec![place.clone()], generation: 0 };
                known.learn(key("s"), &told, Millis(0), WIDE);
            }
            known.find(&key("s"), Millis(99)).unwrap().places
        };
        let mut other = told.clone();
        other.rotate_left(turned.index(told.len()));
        other.reverse();
        prop_assert_eq!(heard(&told), heard(&other));
    }

    /// A service that routes by these rules, against a model of what a vendor caches: a conversation is where its cache is for
    /// as long as that is warm and well, moves exactly when it is not, and never comes back by itself. What is remembered
    /// stays within its bounds.
    #[test]
    fn a_conversation_is_where_its_cache_is(
        turns in proptest::collection::vec((0_usize..4, 0_i64..60, 0_u8..8), 1..200),
        most in 1_usize..6,
    ) {
        let limits = PlaceLimits { conversations: most, bytes: 1 << 20 };
        let mut known = WarmPlaces::default();
        let mut model: BTreeMap<usize, (usize, i64)> = BTreeMap::new();
        let names = ["a", "b", "c"];
        let mut now = 0;
        for (conversation, later, ill) in turns {
            now += later;
            let name = conversation.to_string();
            let well = |at: usize| ill & (1 << at) == 0;
            let found = known.find(&key(&name), Millis(now));
            let before = found.as_ref().and_then(|known| known.places.first());
            let expected = model.get(&conversation).filter(|(_, used)| now < used + LIFETIME_MS);
            if most >= 4 {
                prop_assert_eq!(before.map(|it| it.provider.as_str()), expected.map(|(at, _)| names[*at]));
            } else if let Some(before) = before {
                prop_assert_eq!(Some(before.provider.as_str()), expected.map(|(at, _)| names[*at]));
            }
            let stays = before.and_then(|it| names.iter().position(|name| it.provider == *name)).filter(|at| well(*at));
            let mark = ConversationMark::of_session(&name);
            let drawn = (0..3).filter(|at| well(*at)).max_by(|a, b| {
                mark.draw(names[*a]).total_cmp(&mark.draw(names[*b]))
            });
            let Some(at) = stays.or(drawn) else { continue };
            let next = WarmPlace::after(turn("t", names[at], 1), before, Millis(now));
            let moved = before.is_some_and(|before| before.provider != names[at]);
            prop_assert_eq!(next.moves, before.map_or(0, |before| before.moves) + u32::from(moved));
            known.note(key(&name), next, 0, limits);
            model.insert(conversation, (at, now));
            prop_assert!(known.size().0 <= most);
        }
    }
}
