//! Places of conversations: told to others, in one order for all, and gone when they are cold.

use std::time::Duration;

use brains_core::traffic::affinity::{
    AnsweredTurn, ConversationKey, ConversationMark, KnownPlaces, WarmPlace,
};
use brains_core::{Ambient as _, Millis};

use super::bed::{Bed, count, on_both, spawn};
use crate::SharedPlaces;

on_both! { a_place_is_found_by_others_and_behind_a_start the_later_knowledge_stands_in_any_order
a_move_is_told_to_who_remembers many_writers_come_to_the_same }

const LIFETIME_MS: i64 = 300_000;

fn key(session: &str) -> ConversationKey {
    ConversationMark::of_session(session).owned_by("ann", "0011223344556677")
}

fn used_place(bed: &Bed, provider: &str, moves: u32) -> WarmPlace {
    let turn = AnsweredTurn { tier: "deep", provider, model: "m", tokens: 7, lifetime_ms: LIFETIME_MS };
    WarmPlace { moves, ..WarmPlace::after(turn, None, bed.ambient.now()) }
}

async fn settled(places: &SharedPlaces) {
    let wait = async {
        while places.counts().queued > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "{:?}", places.counts());
}

async fn put(places: &SharedPlaces, key: ConversationKey, place: &WarmPlace) {
    places.put(key, place.clone());
    settled(places).await;
}

async fn found(places: &SharedPlaces, key: ConversationKey, now: Millis) -> Vec<WarmPlace> {
    places.find(key, now).await.unwrap().places
}

async fn a_place_is_found_by_others_and_behind_a_start(bed: &Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    let sent = used_place(bed, "a", 0);
    put(&one.shared_places(), key("s"), &sent).await;
    let now = bed.ambient.now();
    assert_eq!(found(&other.shared_places(), key("s"), now).await, std::slice::from_ref(&sent));
    let foreign = ConversationMark::of_session("s").owned_by("bob", "8899aabbccddeeff");
    assert_eq!(found(&other.shared_places(), foreign, now).await, []);
    assert_eq!(found(&other.shared_places(), key("s"), now.plus_ms(LIFETIME_MS)).await, [], "it is cold");
    one.close().await;
    other.close().await;
    let again = bed.open().await;
    assert_eq!(found(&again.shared_places(), key("s"), now).await, [sent]);
    again.close().await;
}

/// The statement says of each pair what the rule says.
async fn the_later_knowledge_stands_in_any_order(bed: &Bed) {
    let store = bed.open().await;
    let places = store.shared_places();
    let mut all = Vec::new();
    for provider in ["a", "b"] {
        for moves in [0, 1] {
            for later in [0, 1, LIFETIME_MS] {
                let place = used_place(bed, provider, moves);
                let at = |moment: Millis| moment.plus_ms(later);
                all.push(WarmPlace { used_at: at(place.used_at), cold_at: at(place.cold_at), ..place });
            }
        }
    }
    for (at, first) in all.iter().enumerate() {
        for (then, second) in all.iter().enumerate() {
            let key = key(&format!("{at} {then}"));
            places.put(key, first.clone());
            places.put(key, second.clone());
        }
    }
    settled(&places).await;
    for (at, first) in all.iter().enumerate() {
        for (then, second) in all.iter().enumerate() {
            let kept = found(&places, key(&format!("{at} {then}")), Millis(0)).await;
            let expected = if second.supersedes(first) { second } else { first };
            assert_eq!(kept, std::slice::from_ref(expected), "{first:?} then {second:?}");
        }
    }
    assert_eq!(places.counts().dropped, 0);
    store.close().await;
}

async fn a_move_is_told_to_who_remembers(bed: &Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    let (here, there) = (one.shared_places(), other.shared_places());
    put(&here, key("s"), &used_place(bed, "a", 0)).await;
    let before = there.find(key("s"), bed.ambient.now()).await.unwrap();
    put(&here, key("t"), &used_place(bed, "a", 0)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(there.generation(), before.generation, "a new conversation is nobody else's matter");
    put(&here, key("s"), &used_place(bed, "b", 1)).await;
    let wait = async {
        while there.generation() == before.generation {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok());
    let KnownPlaces { places, generation } = there.find(key("s"), bed.ambient.now()).await.unwrap();
    assert_eq!((places[0].provider.as_str(), generation > before.generation), ("b", true));
    one.close().await;
    other.close().await;
}

async fn many_writers_come_to_the_same(bed: &Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    let rounds = count(50, 500);
    let writers =
        [one.shared_places(), other.shared_places()].into_iter().zip(["a", "b"]).map(|(places, own)| {
            let sent: Vec<(ConversationKey, WarmPlace)> = (0..rounds)
                .flat_map(|round| (0..8_u32).map(move |session| (session, u32::try_from(round).unwrap())))
                .map(|(session, round)| (key(&session.to_string()), used_place(bed, own, round / 8)))
                .collect();
            spawn(async move {
                for chunk in sent.chunks(8) {
                    for (key, place) in chunk {
                        places.put(*key, place.clone());
                    }
                    tokio::task::yield_now().await;
                }
                settled(&places).await;
                assert_eq!(places.counts().dropped, 0);
            })
        });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for session in 0..8 {
        let now = bed.ambient.now();
        let kept = found(&one.shared_places(), key(&session.to_string()), now).await;
        assert_eq!(kept, found(&other.shared_places(), key(&session.to_string()), now).await);
        assert_eq!((kept[0].provider.as_str(), kept[0].moves), ("a", u32::try_from(rounds - 1).unwrap() / 8));
    }
    one.close().await;
    other.close().await;
}
