use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brains_core::Fault;
use brains_core::plane::component::ComponentStanding;
use serde_json::json;

use super::job::{Cadence, Holder, Job, Lease};
use super::lease::JobLease;
use super::{JOBS, REAPERS, reaper, retention};
use crate::context::ControlPlane;
use crate::job_status::JobStatus;
use crate::plane::component::follow_versions;
use crate::plane::config::follow_files;
use crate::ports::{BroughtBack, Quarantine, VersionNews};
use crate::testing::Bed;

const SIX_SECONDS: Lease = Lease { length: Duration::from_secs(6), holder: Holder::OnePerDatabase };
const SOON: Cadence = Cadence::Every(Duration::from_millis(5));

/// Waits for what the jobs of `control` come to.
async fn until(control: &ControlPlane, what: &str, holds: impl Fn(&[JobStatus]) -> bool) {
    let reached = async {
        while !holds(&control.job_statuses()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(30), reached).await;
    reached.unwrap_or_else(|_| panic!("{what}: {:?}", control.job_statuses()));
}

#[tokio::test]
async fn a_job_that_fails_tells_why_and_runs_again_while_others_go_on() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let bed = Bed::new().await;
    let control = Arc::new(bed.sibling().await);
    let job = |name, run| Job { name, description: "", cadence: SOON, lease: None, at_end: true, run };
    control.start(&[
        job("bad", |_| {
            Box::pin(async {
                match RUNS.fetch_add(1, Ordering::SeqCst) {
                    0 => panic!("a slip"),
                    1..3 => Err(Fault::unavailable("the disk is full")),
                    _ => Ok(()),
                }
            })
        }),
        job("good", |_| Box::pin(async { Ok(()) })),
    ]);
    until(&control, "failed and ran again", |jobs| jobs[0].runs > 3 && jobs[1].runs > 3).await;
    let jobs = control.job_statuses();
    assert_eq!((jobs[0].failures, jobs[0].failing), (3, false));
    assert_eq!(jobs[0].last_error.as_deref(), Some("the disk is full"));
    assert!(jobs[0].held && jobs[0].last_run_at.is_some() && jobs[0].last_took_ms.is_some());
    assert_eq!((jobs[1].failures, jobs[1].last_error.as_deref()), (0, None));
    let before = RUNS.load(Ordering::SeqCst);
    control.close().await;
    assert!(RUNS.load(Ordering::SeqCst) > before, "once more at the end");
    control.store.close().await;
}

#[tokio::test]
async fn a_leased_job_runs_in_one_of_two_processes() {
    let bed = Bed::new().await;
    let (one, other) = (Arc::new(bed.sibling().await), Arc::new(bed.sibling().await));
    let job = Job {
        name: "j",
        description: "",
        cadence: SOON,
        lease: Some(SIX_SECONDS),
        at_end: false,
        run: |_| Box::pin(async { Ok(()) }),
    };
    one.start(&[job]);
    until(&one, "the first has it", |jobs| jobs[0].runs > 0).await;
    other.start(&[job]);
    until(&one, "goes on", |jobs| jobs[0].runs > 5).await;
    assert!(one.job_statuses()[0].held);
    assert_eq!((other.job_statuses()[0].held, other.job_statuses()[0].runs), (false, 0));
    one.close().await;
    until(&other, "takes over what was given back", |jobs| jobs[0].held && jobs[0].runs > 0).await;
    other.close().await;
    one.store.close().await;
    other.store.close().await;
}

#[tokio::test]
async fn a_lease_has_one_holder_at_a_time() {
    let bed = Bed::new().await;
    let sibling = bed.sibling().await;
    let mut ours = JobLease::new(&bed.control, "d", SIX_SECONDS);
    let mut theirs = JobLease::new(&sibling, "d", SIX_SECONDS);
    assert!(ours.take(&bed.control).await.unwrap());
    assert!(!theirs.take(&sibling).await.unwrap());
    bed.advance_ms(4_000);
    assert!(ours.take(&bed.control).await.unwrap(), "renewed in time");
    bed.advance_ms(4_000);
    assert!(!theirs.take(&sibling).await.unwrap());
    bed.advance_ms(6_000);
    assert!(theirs.take(&sibling).await.unwrap(), "whoever stops renewing loses it");
    assert!(!ours.take(&bed.control).await.unwrap());
    theirs.release(&sibling).await;
    assert!(ours.take(&bed.control).await.unwrap(), "given back, it is free at once");
    sibling.store.close().await;
}

#[test]
fn jobs_have_names_of_their_own_and_renew_in_time() {
    let jobs: Vec<&Job> = REAPERS.iter().chain(JOBS).collect();
    for (at, job) in jobs.iter().enumerate() {
        assert!(jobs[..at].iter().all(|other| other.name != job.name), "{}", job.name);
        if let (Some(lease), Cadence::Every(every)) = (job.lease, job.cadence) {
            // A lease is renewed from its half on; the longest wait must end before the other half is over.
            assert!(
                every * 11 / 10 <= lease.length * 6 / 10,
                "{}: the lease runs out between runs",
                job.name
            );
        }
    }
}

#[tokio::test]
async fn what_became_of_versions_is_written_and_the_bad_one_is_named_no_more() {
    let bed = Bed::new().await;
    bed.fakes.news.lock().unwrap().push(VersionNews {
        id: "acme".into(),
        digest: "d2".into(),
        state: ComponentStanding::Quarantined,
        reason: Some("faults".into()),
    });
    bed.fakes.risen.lock().unwrap().push(Quarantine {
        id: "acme".into(),
        digest: "d2".into(),
        cause: "9 of 10 calls failed".into(),
        outcome: Ok(Some(BroughtBack { digest: "d1".into(), pinned: false })),
    });
    follow_versions(&bed.control).await.unwrap();
    let events = bed.admin("list_events", json!({ "global": true })).await.unwrap().to_string();
    assert!(events.contains("component.brought_back") && events.contains("9 of 10 calls failed"), "{events}");
    let failed = Quarantine {
        id: "acme".into(),
        digest: "d2".into(),
        cause: "again".into(),
        outcome: Err(Fault::unavailable("no thread is free")),
    };
    bed.fakes.risen.lock().unwrap().push(failed);
    assert_eq!(follow_versions(&bed.control).await.unwrap_err().message, "no thread is free");
}

#[tokio::test]
async fn an_edit_that_is_not_in_force_is_written_down_and_fails_the_run() {
    let bed = Bed::new().await;
    bed.fakes.config_stale.store(true, Ordering::SeqCst);
    follow_files(&bed.control).await.unwrap();
    bed.fakes.config_stale.store(true, Ordering::SeqCst);
    bed.fakes.reload_refused.store(true, Ordering::SeqCst);
    follow_files(&bed.control).await.unwrap_err();
    follow_files(&bed.control).await.unwrap();
    let events = bed.admin("list_events", json!({ "global": true })).await.unwrap().to_string();
    assert_eq!(events.matches("config.refused").count(), 1, "{events}");
}

#[tokio::test]
async fn what_was_left_behind_is_freed() {
    let bed = Bed::new().await;
    bed.fakes.processes.lock().unwrap().extend([41, 42]);
    let start = async |input| {
        bed.advance_ms(1);
        bed.admin("start_session", input).await.unwrap()
    };
    let leased = start(json!({ "workspace": "/src/shop", "lease": "60s" })).await;
    let bound = start(json!({ "workspace": "/src/shop", "pid": 41 })).await;
    let alive = start(json!({ "workspace": "/src/shop", "pid": 42 })).await;
    for (session, name) in [(&leased, "a"), (&bound, "b"), (&alive, "c")] {
        let lock = json!({ "name": name, "session_token": session["session_token"] });
        bed.admin("acquire_lock", lock).await.unwrap();
    }
    assert_eq!(
        (reaper::run_out(&bed.control).await.unwrap(), reaper::dead(&bed.control).await.unwrap()),
        (0, 0)
    );

    bed.fakes.processes.lock().unwrap().retain(|pid| *pid != 41);
    bed.advance_ms(60_000);
    assert_eq!(
        (reaper::run_out(&bed.control).await.unwrap(), reaper::dead(&bed.control).await.unwrap()),
        (1, 1)
    );
    let listed = bed.admin("list_sessions", json!({ "workspace": "shop", "all": true })).await.unwrap();
    let endings: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|s| s["ending"].clone()).collect();
    assert_eq!(endings, [json!(null), json!("died"), json!("expired")]);
    let locks = bed.admin("list_locks", json!({ "workspace": "shop" })).await.unwrap();
    assert_eq!(locks["locks"].as_array().unwrap().len(), 1);
    assert_eq!(locks["locks"][0]["resource"], "c");
    assert_eq!(bed.admin("verify_audit", json!({})).await.unwrap()["ok"], true);
}

#[tokio::test]
async fn kept_answers_are_forgotten_after_a_day() {
    let bed = Bed::new().await;
    bed.admin("create_key", json!({ "name": "a", "idempotency_key": "k" })).await.unwrap();
    assert_eq!(retention::forget(&bed.control).await.unwrap(), 0);
    bed.advance_ms(brains_store::KEPT_MS);
    assert_eq!(retention::forget(&bed.control).await.unwrap(), 1);
}
