use std::time::Duration;

use brains_core::id::{Session, Task, Workspace};
use brains_core::plane::mail::{MessageRecord, Urgency};
use brains_core::plane::session::SessionRecord;
use brains_core::plane::task::moves::Mover;
use brains_core::plane::task::{Priority, TaskRecord, TaskStatus};
use brains_core::plane::workspace::{Visibility, WorkspaceRecord};
use brains_core::{Ambient as _, Fault, Id};
use serde_json::json;
use sqlx::{AssertSqlSafe, QueryBuilder};

use super::bed::{Aside, Bed, count, on_both, spawn, verified};
use super::outages::{Disk, fill};
use crate::list::{event, task};
use crate::{Actor, EventFilter, NewTask, ReadyFilter, Scope, Store, TaskFilter, Tx, Work, mailbox};

on_both! {
    a_task_that_does_not_fit_is_refused_and_the_next_one_kept mail_is_taken_once_and_expires
    claims_end_with_their_lease_and_with_their_session lists_cost_the_same_at_any_size
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
    }
}

fn new(title: &str) -> NewTask {
    NewTask {
        title: title.into(),
        body: "b".into(),
        priority: Priority::P2,
        tags: vec!["all".into()],
        needs: Vec::new(),
        assignee: None,
    }
}

async fn write<T, F>(store: &Store, workspace: &Id<Workspace>, work: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T> + Send + 'static,
{
    store.write(Scope::workspace(workspace.as_str()), Actor::system(), work).await
}

/// A workspace with two sessions in it.
async fn office(bed: &Bed, store: &Store) -> (Id<Workspace>, [SessionRecord; 2]) {
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

async fn add(store: &Store, workspace: &Id<Workspace>, task: NewTask) -> Result<TaskRecord, Fault> {
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

async fn total(store: &Store, workspace: &Id<Workspace>) -> u64 {
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
                Box::pin(async move { Ok(tx.read_letters(&reader, 1).await?.len()) })
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
    let read =
        write(&store, &workspace, move |tx| Box::pin(async move { Ok(tx.read_letters(&reader, 9).await?) }));
    assert_eq!(read.await.unwrap(), Vec::new());
    store.close().await;
}

/// Many tasks at once: `total` by now, in all states, some with edges.
async fn grow(
    store: &Store,
    workspace: &Id<Workspace>,
    sessions: &[SessionRecord; 2],
    from: usize,
    total: usize,
) {
    const GROUP: usize = 500;
    for start in (from..total).step_by(GROUP) {
        let (inside, holder) = (workspace.clone(), sessions[0].id.clone());
        let grown = write(store, workspace, move |tx| {
            Box::pin(async move {
                let mut before: Option<TaskRecord> = None;
                for number in start..(start + GROUP).min(total) {
                    let task = NewTask {
                        priority: Priority::ALL[number % 4],
                        tags: vec![format!("tag{}", number % 50), "all".into()],
                        needs: before.iter().filter(|_| number % 7 == 0).cloned().collect(),
                        ..new("t")
                    };
                    let task = tx.insert_task(&inside, "app", &task).await?;
                    let after = match number % 10 {
                        0 => TaskRecord {
                            status: TaskStatus::InProgress,
                            holder: Some(holder.clone()),
                            ..task.clone()
                        },
                        1..4 => TaskRecord {
                            status: TaskStatus::Done,
                            completed_at: Some(tx.now()),
                            ..task.clone()
                        },
                        _ => {
                            before = Some(task);
                            continue;
                        }
                    };
                    tx.save_task(&inside, &task, after, "moved", None).await?;
                    tx.record("task.create", json!({ "number": number })).await?;
                }
                Ok(())
            })
        });
        grown.await.unwrap();
    }
}

/// How long the slowest of the lists takes, in microseconds, as the best of several goes.
async fn cost(store: &Store, workspace: &Id<Workspace>, holder: &Id<Session>) -> Vec<(&'static str, u128)> {
    let base = TaskFilter::of(workspace.clone());
    let scope = Scope::workspace(workspace.as_str());
    let lists = [
        ("all", base.clone()),
        ("available", TaskFilter { statuses: vec![TaskStatus::Available], ..base.clone() }),
        ("ready", TaskFilter { statuses: vec![TaskStatus::Available], ready: true, ..base.clone() }),
        ("p3", TaskFilter { priority: Some(Priority::P3), ..base.clone() }),
        ("tagged", TaskFilter { tags: vec!["tag7".into(), "all".into()], ..base.clone() }),
        ("held", TaskFilter { holder: Some(holder.clone()), ..base }),
    ];
    let mut costs = Vec::new();
    let mut view = store.read().await.unwrap();
    for (name, filter) in lists {
        let mut best = u128::MAX;
        for _ in 0..7 {
            let start = tokio::time::Instant::now();
            assert_eq!(view.tasks(&filter, 20).await.unwrap().len(), 20, "{name}");
            best = best.min(start.elapsed().as_micros());
        }
        costs.push((name, best));
    }
    let mut best = [u128::MAX; 3];
    for _ in 0..7 {
        let start = tokio::time::Instant::now();
        view.task_counts(workspace).await.unwrap();
        best[0] = best[0].min(start.elapsed().as_micros());
        let start = tokio::time::Instant::now();
        let filter = ReadyFilter {
            workspace: workspace.clone(),
            names: vec![holder.to_string(), "ann".into()],
            priority: None,
            tags: Vec::new(),
        };
        view.ready_task(&filter).await.unwrap();
        best[1] = best[1].min(start.elapsed().as_micros());
        let start = tokio::time::Instant::now();
        let filter =
            EventFilter { kinds: vec!["task.create".into()], newest_first: true, ..EventFilter::default() };
        view.list_events(&scope, &filter, 20).await.unwrap();
        best[2] = best[2].min(start.elapsed().as_micros());
    }
    costs.extend([("count", best[0]), ("next", best[1]), ("events", best[2])]);
    costs
}

async fn lists_cost_the_same_at_any_size(bed: &Bed) {
    let store = bed.open().await;
    let (workspace, sessions) = office(bed, &store).await;
    grow(&store, &workspace, &sessions, 0, 1_000).await;
    let few = cost(&store, &workspace, &sessions[0].id).await;
    let size = count(3_000, 100_000);
    grow(&store, &workspace, &sessions, 1_000, size).await;
    if bed.is_postgres() {
        bed.statement("ANALYZE").await;
    }
    assert_eq!(total(&store, &workspace).await, u64::try_from(size).unwrap());
    let many = cost(&store, &workspace, &sessions[0].id).await;
    // Times are judged only where they are reported, with full counts.
    if size == 100_000 {
        for ((name, few), (_, many)) in few.iter().zip(&many) {
            assert!(*many <= 3 * few.max(&300), "`{name}` took {few} us at 1,000 and {many} us at {size}");
        }
    }
    store.close().await;
}

/// The plans of SQLite: no list reads a whole table or sorts.
#[tokio::test]
async fn every_list_meets_an_index_that_has_its_order() {
    let bed = Bed::sqlite();
    bed.open().await.close().await;
    let workspace: Id<Workspace> = Id::mint(&*bed.ambient);
    let base = TaskFilter::of(workspace.clone());
    let after = Some((Priority::P1, Id::<Task>::mint(&*bed.ambient)));
    let mut texts: Vec<String> = Vec::new();
    for filter in [
        base.clone(),
        TaskFilter { after: after.clone(), ..base.clone() },
        TaskFilter { priority: Some(Priority::P0), ..base.clone() },
        TaskFilter { tags: vec!["a".into(), "b".into()], after, ..base.clone() },
        TaskFilter { holder: Some(Id::mint(&*bed.ambient)), ..base.clone() },
        TaskFilter { assignee: Some("ann".into()), ..base.clone() },
        TaskFilter { ready: true, ..base },
    ] {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new("");
        task::piece(&mut query, &filter, TaskStatus::Available, 20);
        texts.push(query.sql().as_str().to_owned());
    }
    let filter =
        ReadyFilter { workspace, names: Vec::new(), priority: Some(Priority::P1), tags: vec!["a".into()] };
    for name in [None, Some("ann".to_owned())] {
        texts.push(task::ready::<sqlx::Sqlite>(&filter, name.as_ref()).sql().as_str().to_owned());
    }
    for (kind, session) in [(None, false), (Some("a".to_owned()), false), (None, true)] {
        let filter = EventFilter {
            session: session.then(|| Id::mint(&*bed.ambient)),
            before: Some(5),
            newest_first: true,
            ..EventFilter::default()
        };
        let query = event::piece::<sqlx::Sqlite>(&Scope::global(), &filter, kind.as_ref(), 20);
        texts.push(query.sql().as_str().to_owned());
    }
    let Aside::Sqlite(mut conn) = Aside::open(&bed.url).await.unwrap() else { unreachable!() };
    for text in texts {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
        let rows = sqlx::query(explain).fetch_all(&mut conn).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, 3)).collect();
        let whole = plan.iter().any(|line| line.starts_with("SCAN") || line.contains("TEMP B-TREE"));
        assert!(!whole, "{text}\n{plan:#?}");
    }
}
