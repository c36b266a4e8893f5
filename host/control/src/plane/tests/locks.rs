//! Locks: granted once, again, in turn; released, stolen; and fences.

use std::time::Duration;

use brains_core::caller::CallSurface;
use brains_core::principal::{KeyScope, Role};
use brains_core::{Caller, Fault, FaultKind, Principal};
use serde_json::{Value, json};

use crate::testing::{Bed, principal};

/// A session on a connection of its own.
struct Agent<'b> {
    bed: &'b Bed,
    caller: Caller,
    id: String,
}

impl<'b> Agent<'b> {
    async fn start(bed: &'b Bed, name: &str) -> Self {
        let caller = Caller { surface: CallSurface::Mcp, connection: Some(name.into()), ..Caller::default() };
        let input = json!({ "workspace": "/src/shop", "tool": name });
        let started =
            bed.control.call_as("start_session", input, &Principal::admin("fp"), &caller).await.unwrap();
        Self { bed, caller, id: started["session_id"].as_str().unwrap().to_owned() }
    }

    async fn call(&self, name: &str, input: Value) -> Result<Value, Fault> {
        self.bed.control.call_as(name, input, &Principal::admin("fp"), &self.caller).await
    }

    async fn acquire(&self, input: Value) -> Result<Value, Fault> {
        self.call("acquire_lock", input).await.map(|answer| answer["lock"].clone())
    }
}

#[tokio::test]
async fn a_lock_is_held_by_one_and_says_by_whom() {
    let bed = Bed::new().await;
    let (one, two) = (Agent::start(&bed, "one").await, Agent::start(&bed, "two").await);
    let first = one.acquire(json!({ "path": "src/**", "reason": "moving files" })).await.unwrap();
    assert_eq!((first["resource"].as_str(), first["count"].as_u64()), (Some("src"), Some(1)));
    let fault = two.acquire(json!({ "path": "src/cart.rs" })).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_ref()), (FaultKind::Conflict, "lock_held"));
    assert!(fault.message.contains(&one.id) && fault.message.contains("moving files"), "{fault}");
    assert!(fault.hint.unwrap().contains("wait_ms"));
    two.acquire(json!({ "path": "docs" })).await.unwrap();
    let whole = two.acquire(json!({})).await.unwrap_err();
    assert_eq!(whole.code, "lock_held", "a workspace is its paths");

    let blockers =
        two.call("who_blocks", json!({ "workspace": "shop", "path": "**/*.rs", "seen_from": two.id })).await;
    assert_eq!(blockers.unwrap()["holders"][0]["session"], one.id);

    let again = one.acquire(json!({ "path": "src" })).await.unwrap();
    assert_eq!(
        (again["count"].as_u64(), &again["fence"], &again["id"]),
        (Some(2), &first["fence"], &first["id"])
    );
    assert_eq!(one.call("release_lock", json!({ "id": first["id"] })).await.unwrap()["released"], false);
    assert_eq!(two.call("release_lock", json!({ "id": first["id"] })).await.unwrap()["released"], false);
    assert_eq!(one.call("release_lock", json!({ "path": "src/" })).await.unwrap()["released"], true);
    let second = two.acquire(json!({ "path": "src/cart.rs" })).await.unwrap();
    assert!(second["fence"].as_u64() > first["fence"].as_u64());
    assert_eq!(bed.admin("verify_audit", json!({})).await.unwrap()["ok"], true);
}

#[tokio::test]
async fn shared_holders_come_together_and_one_of_them_may_have_it_alone_later() {
    let bed = Bed::new().await;
    let (one, two) = (Agent::start(&bed, "one").await, Agent::start(&bed, "two").await);
    let shared = json!({ "name": "schema", "mode": "shared" });
    let first = one.acquire(shared.clone()).await.unwrap();
    two.acquire(shared.clone()).await.unwrap();
    assert_eq!(one.acquire(json!({ "name": "schema" })).await.unwrap_err().code, "lock_held");
    two.call("release_lock", json!({ "name": "schema" })).await.unwrap();
    let alone = one.acquire(json!({ "name": "schema" })).await.unwrap();
    assert_eq!((alone["mode"].as_str(), alone["count"].as_u64()), (Some("exclusive"), Some(2)));
    assert!(alone["fence"].as_u64() > first["fence"].as_u64());
    assert_eq!(two.acquire(shared).await.unwrap_err().code, "lock_held");
}

#[tokio::test]
async fn a_stale_fence_writes_nothing() {
    let bed = Bed::new().await;
    let (one, two) = (Agent::start(&bed, "one").await, Agent::start(&bed, "two").await);
    let lock = one.acquire(json!({ "path": "src", "ttl": "60s" })).await.unwrap();
    let note = |fence: &Value| json!({ "summary": "s", "fence": fence });
    one.call("write_checkpoint", note(&lock["fence"])).await.unwrap();
    assert_eq!(two.call("write_checkpoint", note(&lock["fence"])).await.unwrap_err().code, "stale_fence");

    bed.advance_ms(60_000);
    let fault = one.call("write_checkpoint", note(&lock["fence"])).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.param.as_deref()), ("stale_fence", Some("fence")));
    let next = two.acquire(json!({ "path": "src" })).await.unwrap();
    let stolen = one.call("steal_lock", json!({ "id": next["id"], "reason": "mine first" })).await.unwrap();
    assert_eq!(stolen["taken_from"], two.id);
    assert_eq!(two.call("write_checkpoint", note(&next["fence"])).await.unwrap_err().code, "stale_fence");
    one.call("write_checkpoint", note(&stolen["lock"]["fence"])).await.unwrap();
    for bad in [json!(0), json!(-1), json!("1"), json!(999)] {
        let fault = one.call("write_checkpoint", note(&bad)).await.unwrap_err();
        assert_eq!(fault.param.as_deref(), Some("fence"), "{bad}");
    }
    let listed = bed.admin("list_checkpoints", json!({ "id": one.id })).await.unwrap();
    assert_eq!(listed["checkpoints"].as_array().unwrap().len(), 2);
    let fault = two.call("renew_lock", json!({ "id": next["id"] })).await.unwrap_err();
    assert_eq!(fault.code, "lock_lost");
}

#[tokio::test]
async fn waiters_are_served_in_turn_and_hold_up_nobody() {
    let bed = Bed::new().await;
    let holder = Agent::start(&bed, "holder").await;
    let waiters =
        [Agent::start(&bed, "w0").await, Agent::start(&bed, "w1").await, Agent::start(&bed, "w2").await];
    let outsider = Agent::start(&bed, "outsider").await;
    let ask = json!({ "name": "deploy", "wait_ms": 60_000 });
    holder.acquire(json!({ "name": "deploy" })).await.unwrap();
    let order = std::sync::Mutex::new(Vec::new());
    let queued = async |count: usize| {
        loop {
            let listed = bed.admin("list_locks", json!({ "workspace": "shop" })).await.unwrap();
            if listed["waiting"].as_array().unwrap().len() == count {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let wait = async |place: usize| {
        queued(place).await;
        let lock = waiters[place].acquire(ask.clone()).await.unwrap();
        order.lock().unwrap().push((place, lock["fence"].as_u64().unwrap()));
        waiters[place].call("release_lock", json!({ "id": lock["id"] })).await.unwrap();
    };
    let all = async {
        tokio::join!(wait(0), wait(1), wait(2), async {
            queued(3).await;
            // Whoever does not wait does not pass those who do, and nobody is held up.
            outsider.call("heartbeat_session", json!({})).await.unwrap();
            holder.call("release_lock", json!({ "name": "deploy" })).await.unwrap();
        })
    };
    tokio::time::timeout(Duration::from_secs(30), Box::pin(all)).await.unwrap();
    let order = order.into_inner().unwrap();
    assert_eq!(order.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(order.is_sorted_by(|earlier, later| earlier.1 < later.1));
}

#[tokio::test]
async fn a_waiter_that_goes_away_gives_up_its_place() {
    let bed = Bed::new().await;
    let (holder, gone, next) = (
        Agent::start(&bed, "holder").await,
        Agent::start(&bed, "gone").await,
        Agent::start(&bed, "next").await,
    );
    holder.acquire(json!({ "name": "deploy" })).await.unwrap();
    let waiting = gone.acquire(json!({ "name": "deploy", "wait_ms": 60_000 }));
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    let fault = next.acquire(json!({ "name": "deploy", "wait_ms": 1 })).await.unwrap_err();
    assert_eq!(fault.code, "lock_held");
    bed.control.close().await;
    let listed = bed.admin("list_locks", json!({ "workspace": "shop" })).await.unwrap();
    assert_eq!(listed["waiting"], json!([]));
}

#[tokio::test]
async fn a_circle_is_refused_and_the_end_of_a_session_frees_all() {
    let bed = Bed::new().await;
    let (one, two) = (Agent::start(&bed, "one").await, Agent::start(&bed, "two").await);
    one.acquire(json!({ "name": "a" })).await.unwrap();
    two.acquire(json!({ "name": "b" })).await.unwrap();
    let both = async {
        // Whoever comes second into the circle is the one that is refused: here that must be `two`.
        let patient = async {
            loop {
                match one.acquire(json!({ "name": "b", "wait_ms": 60_000 })).await {
                    Err(fault) if fault.code == "lock_deadlock" => {}
                    granted => return granted,
                }
            }
        };
        tokio::join!(patient, async {
            loop {
                let fault = two.acquire(json!({ "name": "a", "wait_ms": 20 })).await.unwrap_err();
                if fault.code == "lock_deadlock" {
                    return two.call("end_session", json!({})).await.unwrap();
                }
            }
        })
    };
    let (granted, ended) = tokio::time::timeout(Duration::from_secs(30), Box::pin(both)).await.unwrap();
    assert_eq!(
        (granted.unwrap()["resource"].as_str(), ended["locks_released"].as_u64()),
        (Some("b"), Some(1))
    );
}

#[tokio::test]
async fn claims_are_a_view_of_the_lock_on_the_workspace() {
    let bed = Bed::new().await;
    let (one, two) = (Agent::start(&bed, "one").await, Agent::start(&bed, "two").await);
    let claimed = one.call("claim_workspace", json!({ "minutes": 5 })).await.unwrap();
    bed.advance_ms(1_000);
    let renewed = one.call("claim_workspace", json!({ "scope": "docs", "minutes": 10 })).await.unwrap();
    assert_eq!((&renewed["claimed_at"], renewed["scope"].as_str()), (&claimed["claimed_at"], Some("docs")));
    assert_ne!(renewed["expires_at"], claimed["expires_at"]);
    let fault = two.call("claim_workspace", json!({})).await.unwrap_err();
    assert!(
        fault.message.contains(&one.id) && fault.message.contains(renewed["expires_at"].as_str().unwrap())
    );
    assert_eq!(
        two.call("release_workspace", json!({})).await.unwrap(),
        json!({ "workspace": "shop", "released": false })
    );
    for minutes in [0, -5, 1_441, i64::MAX] {
        let fault = one.call("claim_workspace", json!({ "minutes": minutes })).await.unwrap_err();
        assert_eq!(fault.param.as_deref(), Some("minutes"));
    }
    bed.advance_ms(600_000);
    two.call("claim_workspace", json!({})).await.unwrap();
    let claims = bed.admin("list_workspace_claims", json!({ "workspace": "shop" })).await.unwrap();
    assert_eq!(claims["claims"].as_array().unwrap().len(), 1);
    assert_eq!(claims["claims"][0]["session_id"], two.id);
    assert_eq!(two.call("release_workspace", json!({})).await.unwrap()["released"], true);
}

#[tokio::test]
async fn taking_a_lock_away_needs_authority() {
    let bed = Bed::new().await;
    let one = Agent::start(&bed, "one").await;
    let lock = one.acquire(json!({ "name": "deploy" })).await.unwrap();
    bed.admin("add_operator", json!({ "slug": "ada" })).await.unwrap();
    let ada = principal("ada", Role::Member, &[KeyScope::Read, KeyScope::Write]);
    let caller = Caller { connection: Some("ada".into()), ..Caller::default() };
    let input = json!({ "workspace": "shop" });
    bed.control.call_as("start_session", input, &ada, &caller).await.unwrap();
    let steal = json!({ "id": lock["id"], "reason": "in a hurry" });
    let fault = bed.control.call_as("steal_lock", steal.clone(), &ada, &caller).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_ref()), (FaultKind::Forbidden, "role_too_low"));
    let invite = json!({ "workspace": "shop", "operator": "ada", "role": "maintainer" });
    bed.admin("invite_to_workspace", invite).await.unwrap();
    bed.control.call_as("steal_lock", steal, &ada, &caller).await.unwrap();
    let blank = json!({ "id": lock["id"], "reason": " " });
    assert_eq!(one.call("steal_lock", blank).await.unwrap_err().param.as_deref(), Some("reason"));
    let absent = json!({ "id": lock["id"], "reason": "x" });
    assert_eq!(one.call("steal_lock", absent).await.unwrap_err().code, "lock_not_found");
}

#[tokio::test]
async fn a_focus_warns_and_forbids_nothing() {
    let bed = Bed::new().await;
    let (one, two) = (Agent::start(&bed, "one").await, Agent::start(&bed, "two").await);
    let task = one.call("create_task", json!({ "title": "t" })).await.unwrap()["task"].clone();
    one.call("set_focus", json!({ "intent": "rounding", "paths": ["src/cart"], "task": task["id"] }))
        .await
        .unwrap();
    two.acquire(json!({ "path": "docs" })).await.unwrap();
    let spelled = task["code"].as_str().unwrap().to_lowercase();
    let set = two.call("set_focus", json!({ "paths": ["src/**/*.rs"], "task": spelled })).await.unwrap();
    assert_eq!(set["warnings"][0]["session"], one.id);
    assert_eq!(set["warnings"][0]["task"], task["code"]);
    let odd = two.call("set_focus", json!({ "task": "S-99" })).await.unwrap_err();
    assert_eq!(odd.code, "task_not_found");
    let set = one.call("set_focus", json!({ "paths": ["docs/a.md"] })).await.unwrap();
    assert_eq!(
        (set["warnings"][0]["locked"].as_bool(), set["warnings"].as_array().unwrap().len()),
        (Some(true), 1)
    );
    let listed = bed.admin("list_focus", json!({ "workspace": "shop" })).await.unwrap();
    assert_eq!(listed["focus"].as_array().unwrap().len(), 2);
    assert_eq!(one.call("clear_focus", json!({})).await.unwrap()["cleared"], true);
    assert_eq!(one.call("clear_focus", json!({})).await.unwrap()["cleared"], false);
    two.call("end_session", json!({})).await.unwrap();
    assert_eq!(bed.admin("list_focus", json!({ "workspace": "shop" })).await.unwrap()["focus"], json!([]));
    assert_eq!(one.call("set_focus", json!({})).await.unwrap_err().param.as_deref(), Some("intent"));
}

#[tokio::test]
async fn a_session_is_taken_up_again_under_its_id() {
    let bed = Bed::new().await;
    let one = Agent::start(&bed, "one").await;
    one.call("write_checkpoint", json!({ "summary": "half way" })).await.unwrap();
    one.call("link_session", json!({ "tool": "one", "tool_session_id": "n-1" })).await.unwrap();
    let other = Caller { connection: Some("after".into()), ..Caller::default() };
    let admin = Principal::admin("fp");
    let resume = json!({ "session": one.id });
    let fault = bed.control.call_as("resume_session", resume.clone(), &admin, &other).await.unwrap_err();
    assert_eq!(fault.code, "session_foreign", "it lives, and that is somebody else");
    bed.advance_ms(31 * 60_000);
    let resumed = bed.control.call_as("resume_session", resume, &admin, &other).await.unwrap();
    assert_eq!(
        (resumed["session_id"].as_str(), resumed["session"]["epoch"].as_u64()),
        (Some(one.id.as_str()), Some(2))
    );
    assert_eq!(resumed["last_checkpoint"]["summary"], "half way");
    assert_eq!(resumed["tool_session_links"][0]["value"], "n-1");
    // The connection of before is nobody any more.
    assert_eq!(one.call("heartbeat_session", json!({})).await.unwrap_err().code, "session_required");
    bed.control.call_as("heartbeat_session", json!({}), &admin, &other).await.unwrap();
    let found = bed.admin("find_sessions", json!({ "tool": "one", "tool_session_id": "n-1" })).await.unwrap();
    assert_eq!(found["sessions"][0]["state"], "active");
}
