//! Turns of conversations: found while they wait and when they are written, by their owner, whole or not at all, and for as
//! long as the retention says.

use std::time::Duration;

use brains_core::{Ambient as _, Id};

use super::bed::{Aside, Bed, count, on_both, spawn};
use crate::{
    ResponseOptions, ResponseOwner, ResponseRetention, Responses, Store, StoreOptions, StoredConversation,
    StoredResponse,
};

on_both! { a_turn_is_found_at_once_and_behind_a_start a_conversation_is_whole_or_not_at_all an_owner_sees_their_own
an_id_that_comes_twice_names_nothing what_is_deleted_does_not_come_back
threads_go_by_age_and_by_size what_does_not_fit_is_not_kept an_outage_loses_nothing_that_waits }

fn turn(bed: &Bed, id: &str, previous: Option<&StoredResponse>) -> StoredResponse {
    bed.ambient.advance(1);
    let trace = Id::mint(&*bed.ambient);
    StoredResponse {
        operator: "ada".into(),
        credential: "0011223344556677".into(),
        id: id.into(),
        thread: previous.map_or_else(|| trace.clone(), |before| before.thread.clone()),
        trace,
        at: bed.ambient.now(),
        previous: previous.map(|before| before.id.clone()),
        input: format!("\"{id} \u{e9}\""),
        answer: format!("{{\"id\":\"{id}\"}}"),
        items: vec![format!("msg_{id}"), format!("fc_{id}")],
    }
}

fn ada() -> ResponseOwner {
    ResponseOwner { operator: "ada".into(), credential: None }
}

async fn settled(responses: &Responses) {
    let wait = async {
        while responses.counts().queued > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "{:?}", responses.counts());
    // The batch lets go of its turns right behind.
    tokio::time::sleep(Duration::from_millis(20)).await;
}

async fn ids(responses: &Responses, owner: &ResponseOwner, id: &str) -> Result<Vec<String>, String> {
    match responses.conversation(owner, id, 1 << 20).await.unwrap() {
        StoredConversation::Whole(turns) => Ok(turns.iter().map(|turn| turn.id.clone()).collect()),
        StoredConversation::Missing(id) => Err(id),
        StoredConversation::TooLong => Err("too long".to_owned()),
    }
}

async fn there(responses: &Responses, id: &str) -> bool {
    responses.find(&ada(), id).await.unwrap().is_some()
}

async fn a_turn_is_found_at_once_and_behind_a_start(bed: &Bed) {
    let store = bed.open().await;
    let sent = turn(bed, "resp_1", None);
    assert!(store.responses().keep(sent.clone()));
    assert_eq!(store.responses().find(&ada(), "resp_1").await.unwrap().as_deref(), Some(&sent));
    assert_eq!(store.responses().with_item(&ada(), "fc_resp_1").await.unwrap().as_deref(), Some(&sent));
    store.close().await;
    let store = bed.open().await;
    let read = StoredResponse { items: Vec::new(), ..sent };
    assert_eq!(store.responses().find(&ada(), "resp_1").await.unwrap().as_deref(), Some(&read));
    assert_eq!(store.responses().with_item(&ada(), "fc_resp_1").await.unwrap().as_deref(), Some(&read));
    assert_eq!(store.responses().with_item(&ada(), "fc_resp_2").await.unwrap(), None);
    store.close().await;
}

/// However it falls between what waits and what is written.
async fn a_conversation_is_whole_or_not_at_all(bed: &Bed) {
    let store = bed.open().await;
    let responses = store.responses();
    let threads = (0..8).map(|thread| {
        let responses = responses.clone();
        let first = turn(bed, &format!("resp_{thread}_0"), None);
        let rounds = count(25, 250);
        spawn(async move {
            assert!(responses.keep(first.clone()));
            let mut newest = first;
            let mut said = vec![newest.id.clone()];
            for round in 1..rounds {
                let id = format!("resp_{thread}_{round}");
                let next = StoredResponse {
                    previous: Some(newest.id.clone()),
                    answer: format!("{{\"id\":\"{id}\"}}"),
                    id,
                    trace: newest.trace.clone(),
                    ..newest.clone()
                };
                assert!(responses.keep(next.clone()));
                said.push(next.id.clone());
                newest = next;
                assert_eq!(ids(&responses, &ada(), &newest.id).await, Ok(said.clone()));
                if round % 7 == 0 {
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            }
        })
    });
    for thread in futures_util::future::join_all(threads).await {
        thread.unwrap();
    }
    settled(&responses).await;
    let last = format!("resp_3_{}", count(25, 250) - 1);
    assert_eq!(ids(&responses, &ada(), &last).await.map(|said| said.len()), Ok(count(25, 250)));
    assert_eq!(responses.counts().dropped, 0);

    assert!(responses.delete(&ada(), "resp_3_4").await.unwrap());
    assert_eq!(ids(&responses, &ada(), &last).await, Err("resp_3_4".to_owned()));
    assert_eq!(ids(&responses, &ada(), "resp_3_3").await.map(|said| said.len()), Ok(4));
    let long = responses.conversation(&ada(), "resp_3_3", 20).await.unwrap();
    assert_eq!(long, StoredConversation::TooLong);
    store.close().await;
}

async fn an_owner_sees_their_own(bed: &Bed) {
    let store = bed.open().await;
    let responses = store.responses();
    let first = turn(bed, "resp_1", None);
    let owner = |operator: &str, credential: Option<&str>| ResponseOwner {
        operator: operator.into(),
        credential: credential.map(str::to_owned),
    };
    assert!(responses.keep(first.clone()) && responses.keep(turn(bed, "resp_2", Some(&first))));
    for _ in 0..2 {
        for stranger in [owner("bob", None), owner("ada", Some("ffeeddccbbaa9988"))] {
            assert_eq!(responses.find(&stranger, "resp_1").await.unwrap(), None);
            assert_eq!(ids(&responses, &stranger, "resp_2").await, Err("resp_2".to_owned()));
            assert_eq!(responses.with_item(&stranger, "msg_resp_1").await.unwrap(), None);
            assert!(!responses.delete(&stranger, "resp_1").await.unwrap());
        }
        for friend in [owner("ada", None), owner("ada", Some("0011223344556677"))] {
            assert!(responses.find(&friend, "resp_1").await.unwrap().is_some());
            assert_eq!(ids(&responses, &friend, "resp_2").await.map(|said| said.len()), Ok(2));
        }
        settled(&responses).await;
    }
    // Somebody else's may have the same id.
    assert!(responses.keep(StoredResponse { operator: "bob".into(), ..turn(bed, "resp_1", None) }));
    settled(&responses).await;
    assert!(there(&responses, "resp_1").await);
    store.close().await;
}

async fn an_id_that_comes_twice_names_nothing(bed: &Bed) {
    let store = bed.open().await;
    let responses = store.responses();
    assert!(responses.keep(turn(bed, "resp_1", None)) && responses.keep(turn(bed, "resp_1", None)));
    assert!(!there(&responses, "resp_1").await);
    settled(&responses).await;
    assert!(!there(&responses, "resp_1").await);
    let again = turn(bed, "resp_2", None);
    assert!(responses.keep(again.clone()));
    settled(&responses).await;
    // The same turn once more, as a batch is written again whose outcome nobody knew.
    assert!(responses.keep(again.clone()));
    settled(&responses).await;
    assert!(there(&responses, "resp_2").await);
    assert!(responses.keep(turn(bed, "resp_2", Some(&again))));
    settled(&responses).await;
    assert!(!there(&responses, "resp_2").await);
    assert_eq!(ids(&responses, &ada(), "resp_2").await, Err("resp_2".to_owned()));
    store.close().await;
}

async fn what_is_deleted_does_not_come_back(bed: &Bed) {
    let store = bed.open().await;
    let responses = store.responses();
    for round in 0..count(8, 80) {
        let id = format!("resp_{round}");
        assert!(responses.keep(turn(bed, &id, None)));
        assert!(responses.delete(&ada(), &id).await.unwrap());
        assert!(!there(&responses, &id).await);
    }
    settled(&responses).await;
    assert_eq!(rows(bed, "SELECT COUNT(*) FROM response").await, 0);
    assert_eq!(rows(bed, "SELECT COUNT(*) FROM response_item").await, 0);
    store.close().await;
}

async fn rows(bed: &Bed, text: &'static str) -> i64 {
    match Aside::open(&bed.url).await.unwrap() {
        Aside::Sqlite(conn) => conn.query_one(text, [], |row| row.get(0)).unwrap(),
        Aside::Postgres(mut conn) => sqlx::query_scalar(text).fetch_one(&mut conn).await.unwrap(),
    }
}

async fn threads_go_by_age_and_by_size(bed: &Bed) {
    const DAY_MS: i64 = 86_400_000;
    let store = bed.open().await;
    let responses = store.responses();
    let (old, mid) = (turn(bed, "resp_old", None), turn(bed, "resp_mid", None));
    assert!(responses.keep(old) && responses.keep(mid.clone()));
    bed.ambient.advance(20 * DAY_MS);
    // What is gone on from stays whole.
    assert!(responses.keep(turn(bed, "resp_mid_2", Some(&mid))));
    settled(&responses).await;
    bed.ambient.advance(15 * DAY_MS);
    assert!(responses.keep(turn(bed, "resp_new", None)));
    settled(&responses).await;
    let prune = async |days, bytes| {
        responses.retain(ResponseRetention { days, bytes });
        responses.forget_expired().await.unwrap();
    };
    prune(Some(30), None).await;
    assert!(!there(&responses, "resp_old").await);
    assert_eq!(ids(&responses, &ada(), "resp_mid_2").await.map(|said| said.len()), Ok(2));
    prune(None, None).await;
    prune(None, Some(50)).await;
    assert!(!there(&responses, "resp_mid").await && !there(&responses, "resp_mid_2").await);
    assert!(there(&responses, "resp_new").await);
    prune(None, Some(1)).await;
    assert_eq!(rows(bed, "SELECT COUNT(*) FROM response").await, 0);
    assert_eq!(rows(bed, "SELECT COUNT(*) FROM response_item").await, 0);
    store.close().await;
}

async fn what_does_not_fit_is_not_kept(bed: &Bed) {
    let responses = ResponseOptions { queue: 2, ..ResponseOptions::default() };
    let store = Store::open(&bed.url, StoreOptions { responses, ..bed.options() }).await.unwrap();
    let responses = store.responses();
    let huge = StoredResponse { input: "x".repeat((32 << 20) + 1), ..turn(bed, "resp_huge", None) };
    let nameless = turn(bed, "", None);
    assert!(!responses.keep(huge) && !responses.keep(nameless));
    assert!(!there(&responses, "resp_huge").await);
    assert_eq!(responses.counts().dropped, 2);
    let taken = (0..200).filter(|at| responses.keep(turn(bed, &format!("resp_{at}"), None))).count();
    assert!((1..200).contains(&taken), "{taken}");
    settled(&responses).await;
    assert_eq!(rows(bed, "SELECT COUNT(*) FROM response").await, i64::try_from(taken).unwrap());
    store.close().await;
}

async fn an_outage_loses_nothing_that_waits(bed: &Bed) {
    let store = bed.open().await;
    let responses = store.responses();
    let mut aside = Aside::open(&bed.url).await.unwrap();
    aside
        .run(if bed.is_postgres() { "BEGIN; LOCK TABLE response" } else { "BEGIN EXCLUSIVE" })
        .await
        .unwrap();
    let first = turn(bed, "resp_1", None);
    assert!(responses.keep(first.clone()) && responses.keep(turn(bed, "resp_2", Some(&first))));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ids(&responses, &ada(), "resp_2").await.map(|said| said.len()), Ok(2));
    assert_eq!(responses.counts().queued, 2);
    aside.run("ROLLBACK").await.unwrap();
    aside.close().await;
    settled(&responses).await;
    assert_eq!(ids(&responses, &ada(), "resp_2").await.map(|said| said.len()), Ok(2));
    store.close().await;
}
