use std::time::Duration;

use brains_core::id::{Session, Workspace};
use brains_core::plane::mail::{MessageRecord, Urgency};
use brains_core::plane::session::SessionRecord;
use brains_core::plane::task::moves::Mover;
use brains_core::plane::task::{Priority, TaskRecord, TaskStatus};
use brains_core::plane::workspace::{Visibility, WorkspaceRecord};
use brains_core::{Ambient as _, Fault, Id};
use serde_json::json;

use super::bed::{Bed, on_both, spawn, verified};
use super::outages::{Disk, fill};
use crate::{Actor, NewTask, Scope, Store, Tx, Work, mailbox};

on_both! {
    a_task_that_does_not_fit_is_refused_and_the_next_one_kept mail_is_taken_once_and_expires
    claims_end_with_their_lease_and_with_their_session
}

fn workspace(bed: &Bed) -> WorkspaceRecord {
    WorkspaceRecord {
        id: Id::mint(&*bed.ambient),
        slug: "app".into(),
        name: "app".into(),
        path: "/app".into(),
        common_dir: "/app".into(),
        visibility: Visibility::Shared,
        created_at: bed.ambient.now(),
        created_by: "ann".into(),
        archived_at: None,
        last_touched_at: None,
        last_summary: None,
    }
}

fn session(bed: &Bed, workspace: &Id<Workspace>) -> SessionRecord {
    let now = bed.ambient.now();
    let id: Id<Session> = Id::mint(&*bed.ambient);
    SessionRecord {
        token_hash: id.to_string(),
        id,
        workspace: workspace.clone(),
        operator: "ann".into(),
        tool: "tester".into(),
        agent: true,
        epoch: 1,
        lease_ms: 3_600_000,
        lease_until: now.plus_ms(3_600_000),
        started_at: now,
        last_seen_at: now,
        ended_at: None,
        ending: None,
        summary: None,
        process: None,
        key: None,
    }
}

pub(super) fn new(title: &str) -> NewTask {
    NewTask {
        title: title.into(),
        body: "b".into(),
        priority: Priority::P2,
        tags: vec!["all".into()],
        needs: Vec::new(),
        assignee: None,
        siblings: false,
    }
}

pub(super) async fn write<T, F>(store: &Store, workspace: &Id<Workspace>, work: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
{
    store.write(Scope::workspace(workspace.as_str()), Actor::system(), work).await
}

/// A workspace with two sessions in it.
pub(super) async fn office(bed: &Bed, store: &Store) -> (Id<Workspace>, [SessionRecord; 2]) {
    let place = workspace(bed);
    let sessions = [session(bed, &place.id), session(bed, &place.id)];
    let (id, kept) = (place.id.clone(), sessions.clone());
    let made = write(store, &id, move |tx| {
        Box::pin(async move {
            tx.register_workspace(place, true).await?;
            for session in &kept {
                tx.insert_session(session).await?;
            }
            Ok(())
        })
    });
    made.await.unwrap();
    (id, sessions)
}

pub(super) async fn add(
    store: &Store,
    workspace: &Id<Workspace>,
    task: NewTask,
) -> Result<TaskRecord, Fault> {
    let inside = workspace.clone();
    write(store, workspace, move |tx| {
        Box::pin(async move {
            let task = tx.insert_task(&inside, "app", &task).await?;
            tx.record("task.create", json!({ "task": task.code })).await?;
            Ok(task)
        })
    })
    .await
}

pub(super) async fn total(store: &Store, workspace: &Id<Workspace>) -> u64 {
    let counts = store.read().await.unwrap().task_counts(workspace).await.unwrap();
    counts.iter().map(|count| count.tasks).sum()
}

async fn a_task_that_does_not_fit_is_refused_and_the_next_one_kept(bed: &Bed) {
    let disk = if bed.is_postgres() { None } else { Disk::mount(bed.dir.path()) };
    let ballast = bed.dir.path().join("ballast");
    let mut options = bed.options();
    options.patience = Duration::from_millis(400);
    let store = Store::open(&bed.url, options).await.unwrap();
    let (workspace, _) = office(bed, &store).await;
    let mut kept = add(&store, &workspace, new("first")).await.unwrap();
    if bed.is_postgres() {
        bed.statement(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$;
             CREATE TRIGGER fail BEFORE INSERT ON task_change FOR EACH ROW EXECUTE FUNCTION fail()",
        )
        .await;
    } else if disk.is_some() {
        fill(&ballast);
    } else {
        let limit = store.touch(|tx| {
            Box::pin(async move { Ok(crate::rows::execute!(&mut tx.rows, "PRAGMA max_page_count = 1")?) })
        });
        limit.await.unwrap();
    }
    let fault = loop {
        match add(&store, &workspace, NewTask { body: "x".repeat(20_000), ..new("big") }).await {
            Ok(task) => kept = task,
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault.code, "database_full", "{fault:?}");
    if bed.is_postgres() {
        bed.statement("DROP TRIGGER fail ON task_change").await;
    } else {
        drop(fs_err::remove_file(&ballast));
    }
    let next = add(&store, &workspace, new("next")).await.unwrap();
    let number = |task: &TaskRecord| task.code.rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
    assert_eq!(number(&next), number(&kept) + 1, "what was refused took no number");
    assert_eq!(total(&store, &workspace).await, number(&next), "and is not counted");
    read_only(bed, &store, true).await;
    assert_eq!(add(&store, &workspace, new("refused")).await.unwrap_err().code, "database_read_only");
    read_only(bed, &store, false).await;
    assert_eq!(number(&add(&store, &workspace, new("kept")).await.unwrap()), number(&next) + 1);
    let scope = Scope::workspace(workspace.as_str());
    assert_eq!(verified(&mut store.read().await.unwrap(), &scope).await.broken, None);
    store.close().await;
    drop(disk);
}

/// Makes the database refuse writes, or take them again, under a store that stays open.
async fn read_only(bed: &Bed, store: &Store, refuse: bool) {
    if bed.is_postgres() {
        bed.statement(if refuse {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION USING ERRCODE = '25006'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON task FOR EACH ROW EXECUTE FUNCTION refuse()"
        } else {
            "DROP TRIGGER refuse ON task"
        })
        .await;
        return;
    }
    let set = store.touch(move |tx| {
        Box::pin(async move {
            let text = if refuse { "PRAGMA query_only = ON" } else { "PRAGMA query_only = OFF" };
            Ok(crate::rows::execute!(&mut tx.rows, text)?)
        })
    });
    set.await.unwrap();
}

async fn claims_end_with_their_lease_and_with_their_session(bed: &Bed) {
    let store = bed.open().await;
    let (workspace, [ann, bob]) = office(bed, &store).await;
    let leased = add(&store, &workspace, new("leased")).await.unwrap();
    let held = add(&store, &workspace, new("held")).await.unwrap();
    for (task, lease_ms) in [(&leased, Some(60_000)), (&held, None)] {
        let (inside, task, holder) = (workspace.clone(), task.clone(), ann.id.clone());
        let claimed = write(&store, &workspace, move |tx| {
            Box::pin(async move {
                let mover = Mover { operator: "ann", session: Some(&holder), authority: false };
                let (after, _) = task.clone().claim(mover, tx.now(), lease_ms)?;
                Ok(tx.save_task(&inside, &task, after, "claimed", None).await?)
            })
        });
        assert_eq!(claimed.await.unwrap().attempts, 1);
    }
    let standing = async |task: &TaskRecord| {
        let now = store.read().await.unwrap().task(&task.id).await.unwrap().unwrap();
        (now.status, now.holder)
    };
    let reap = async || {
        let inside = workspace.clone();
        let reaped =
            write(&store, &workspace, move |tx| Box::pin(async move { Ok(tx.reap(&inside).await?) }));
        reaped.await.unwrap()
    };
    bed.ambient.advance(59_999);
    assert_eq!(store.read().await.unwrap().run_out(bed.ambient.now()).await.unwrap(), []);
    reap().await;
    assert_eq!(standing(&leased).await, (TaskStatus::InProgress, Some(ann.id.clone())));
    bed.ambient.advance(1);
    let due = store.read().await.unwrap().run_out(bed.ambient.now()).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&workspace), "whoever reaps hears of it");
    assert_eq!(reap().await, 0, "no session is over");
    assert_eq!(standing(&leased).await, (TaskStatus::Available, None));
    assert_eq!(standing(&held).await, (TaskStatus::InProgress, Some(ann.id.clone())));
    bed.ambient.advance(3_600_000);
    let (kept, inside) = (bob.id.clone(), ann.id.clone());
    write(&store, &workspace, move |tx| Box::pin(async move { Ok(tx.renew_session(&kept, None).await?) }))
        .await
        .unwrap();
    assert!(reap().await > 0);
    assert_eq!(standing(&held).await, (TaskStatus::Available, None));
    let history = store.read().await.unwrap().task_changes(&held.id, None, 9).await.unwrap();
    assert_eq!((history[0].change.as_str(), history[0].operator.as_str()), ("released", "system"));
    assert!(store.read().await.unwrap().session(&inside).await.unwrap().unwrap().ended_at.is_some());
    store.close().await;
}

fn message(bed: &Bed, from: &SessionRecord, expires_ms: Option<i64>) -> MessageRecord {
    let id: Id<brains_core::id::Message> = Id::mint(&*bed.ambient);
    let now = bed.ambient.now();
    MessageRecord {
        thread: id.clone(),
        id,
        reply_to: None,
        workspace: "app".into(),
        from: "ann".into(),
        from_session: Some(from.id.clone()),
        from_agent: false,
        broadcast: expires_ms.is_some(),
        kind: "info".into(),
        priority: Urgency::Normal,
        subject: "s".into(),
        body: "\0".into(),
        wants_acknowledgement: false,
        sent_at: now,
        expires_at: expires_ms.map(|ms| now.plus_ms(ms)),
    }
}

async fn mail_is_taken_once_and_expires(bed: &Bed) {
    let store = bed.open().await;
    let (workspace, [ann, bob]) = office(bed, &store).await;
    let listener = store.listen(vec![mailbox(&bob.id)]);
    let (direct, broadcast) = (message(bed, &ann, None), message(bed, &ann, Some(60_000)));
    let (inside, to) = (workspace.clone(), bob.id.clone());
    let delivered = write(&store, &workspace, move |tx| {
        Box::pin(async move {
            tx.insert_message(&inside, &direct).await?;
            tx.insert_message(&inside, &broadcast).await?;
            let one = tx.deliver(&direct, &[to.clone(), to]).await?;
            Ok((one, tx.deliver_to_all(&inside, &broadcast).await?))
        })
    });
    assert_eq!(delivered.await.unwrap(), (1, 1), "each once, and none to the sender");
    tokio::time::timeout(Duration::from_secs(30), listener.heard()).await.unwrap();
    let readers = (0..4).map(|_| {
        let (store, workspace, reader) = (store.clone(), workspace.clone(), bob.id.clone());
        spawn(async move {
            write(&store, &workspace, move |tx| {
                Box::pin(async move {
                    let letters = tx.waiting_letters(&reader, 1).await?;
                    let mut read = 0;
                    for letter in letters {
                        read += usize::from(tx.read_letter(&reader, &letter.message.id).await?);
                    }
                    Ok(read)
                })
            })
            .await
            .unwrap()
        })
    });
    let taken: usize = futures_util::future::join_all(readers).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(taken, 2);
    let late = session(bed, &workspace);
    let (kept, inside) = (late.clone(), workspace.clone());
    let standing = write(&store, &workspace, move |tx| {
        Box::pin(async move {
            tx.insert_session(&kept).await?;
            Ok(tx.deliver_standing(&inside, &kept.id).await?)
        })
    });
    assert_eq!(standing.await.unwrap(), 1, "the broadcast still stands");
    let unread = async || store.read().await.unwrap().unread(&late.id, bed.ambient.now(), 9).await.unwrap();
    assert_eq!(unread().await, 1);
    bed.ambient.advance(60_000);
    assert_eq!(unread().await, 0, "what expired is not delivered any more");
    let reader = late.id.clone();
    let read = write(&store, &workspace, move |tx| {
        Box::pin(async move { Ok(tx.waiting_letters(&reader, 9).await?) })
    });
    assert_eq!(read.await.unwrap(), Vec::new());
    store.close().await;
}
