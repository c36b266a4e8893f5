//! What looking costs when there is much to look through: no list and no count may cost more than three times what it
//! costs among a thousand tasks. Counted is what the database does, steps of its machine on SQLite and rows that it
//! reads on Postgres; times are told where the counts are full.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brains_core::Id;
use brains_core::id::{Session, Task, Workspace};
use brains_core::plane::session::SessionRecord;
use brains_core::plane::task::{Priority, TaskRecord, TaskStatus};
use serde_json::json;

use super::bed::{Aside, Bed, count, on_both};
use super::work::{new, office, total, write};
use crate::list::{Query, event, task};
use crate::plane::workspace::LOOKS;
use crate::rows::{Conn, fetch_optional};
use crate::{EventFilter, NewTask, ReadSnapshot, ReadyFilter, Scope, SessionFilter, Store, TaskFilter};

on_both! { looking_costs_the_same_at_any_size }

/// What may differ without a reason: a page of a tree more, a plan for a table that fits in one.
const SLACK: u64 = 200;

/// A view, and how much its database has done for it.
struct Metered {
    view: ReadSnapshot,
    steps: Arc<AtomicU64>,
}

/// Rows that this transaction has read so far, through an index or without one.
const READ_POSTGRES: &str = "SELECT CAST(COALESCE(SUM(seq_tup_read + COALESCE(idx_tup_fetch, 0)), 0) AS BIGINT) FROM pg_stat_xact_user_tables";

impl Metered {
    async fn open(store: &Store) -> Self {
        let mut view = store.read().await.unwrap();
        let steps = Arc::new(AtomicU64::new(0));
        let counted = steps.clone();
        if let Conn::Sqlite(conn) = view.bare().unwrap() {
            let step = move || {
                counted.fetch_add(1, Ordering::Relaxed);
                false
            };
            conn.progress_handler(1, Some(step)).unwrap();
        }
        Self { view, steps }
    }

    async fn done(&mut self) -> u64 {
        if !self.view.is_postgres() {
            return self.steps.load(Ordering::Relaxed);
        }
        let read = fetch_optional!(&mut self.view, i64, READ_POSTGRES).unwrap();
        u64::try_from(read.unwrap()).unwrap()
    }
}

/// What one look cost.
#[derive(Debug)]
struct Cost {
    name: &'static str,
    work: u64,
    micros: u128,
}

/// Looks at everything once more than needed, so that statements are prepared; tells what the second look cost.
async fn costs(store: &Store, workspace: &Id<Workspace>, holder: &Id<Session>, events: i64) -> Vec<Cost> {
    let scope = Scope::workspace(workspace.as_str());
    let base = TaskFilter::of(workspace.clone());
    let lists = [
        ("all tasks", base.clone()),
        ("available tasks", TaskFilter { statuses: vec![TaskStatus::Available], ..base.clone() }),
        ("ready tasks", TaskFilter { statuses: vec![TaskStatus::Available], ready: true, ..base.clone() }),
        ("tasks of a priority", TaskFilter { priority: Some(Priority::P3), ..base.clone() }),
        ("tagged tasks", TaskFilter { tags: vec!["tag7".into(), "all".into()], ..base.clone() }),
        ("held tasks", TaskFilter { holder: Some(holder.clone()), ..base }),
    ];
    let newest = EventFilter { newest_first: true, ..EventFilter::default() };
    let streams = [
        ("newest events", newest.clone()),
        ("newest events of a kind", EventFilter { kinds: vec!["task.create".into()], ..newest.clone() }),
        ("newest events of a session", EventFilter { session: Some(holder.clone()), ..newest.clone() }),
        ("events from the middle", EventFilter { after: Some(events / 2), ..EventFilter::default() }),
    ];
    let ready = ReadyFilter {
        siblings: Vec::new(),
        workspace: workspace.clone(),
        names: vec![holder.to_string(), "ann".into()],
        priority: None,
        tags: Vec::new(),
    };
    let mut metered = Metered::open(store).await;
    let mut costs = Vec::new();
    macro_rules! look {
        ($name:expr, |$view:ident| $look:expr) => {{
            for _ in 0..2 {
                let before = metered.done().await;
                let start = tokio::time::Instant::now();
                let $view = &mut metered.view;
                $look;
                let micros = start.elapsed().as_micros();
                let work = metered.done().await - before;
                costs.retain(|cost: &Cost| cost.name != $name);
                costs.push(Cost { name: $name, work, micros });
            }
        }};
    }
    for (name, filter) in &lists {
        look!(*name, |view| assert_eq!(view.tasks(filter, 20).await.unwrap().len(), 20, "{name}"));
    }
    for (name, filter) in &streams {
        look!(*name, |view| assert_eq!(
            view.list_events(&scope, filter, 20).await.unwrap().len(),
            20,
            "{name}"
        ));
    }
    look!("count of tasks", |view| assert!(!view.task_counts(workspace).await.unwrap().is_empty()));
    look!("next task", |view| assert!(view.ready_task(&ready).await.unwrap().is_some()));
    look!("events that follow", |view| {
        assert_eq!(view.events(&scope, events / 2, 20).await.unwrap().len(), 20);
    });
    look!("audit entries", |view| {
        assert_eq!(view.audit_entries(&scope, Some(events / 2), 20).await.unwrap().len(), 20);
    });
    look!("sessions", |view| {
        let now = brains_core::Millis(0);
        view.sessions(workspace, &SessionFilter { all: true, ..SessionFilter::default() }, now, 20)
            .await
            .unwrap();
    });
    look!("whether a session did something", |view| {
        let (from, until) = (brains_core::Millis(0), brains_core::Millis(i64::MAX));
        assert!(view.session_did(scope.as_str(), holder.as_str(), "task.create", from, until).await.unwrap());
    });
    costs
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
        let (inside, holder) = (workspace.clone(), sessions[0].clone());
        let grown = write(store, workspace, move |tx| {
            Box::pin(async move {
                tx.act_as(&holder);
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
                            holder: Some(holder.id.clone()),
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

/// Adds events, and audit entries beside them, beyond those that the tasks made: `total` by now. Written by the
/// database itself, for nobody reads their chain here. None is the creation of a task: those lie far behind the newest.
async fn fill(bed: &Bed, workspace: &Id<Workspace>, session: &Id<Session>, from: i64, total: i64) {
    let numbers = if bed.is_postgres() {
        format!("SELECT n FROM generate_series({from} + 1, {total}) AS numbers (n)")
    } else {
        format!(
            "WITH RECURSIVE numbers (n) AS (SELECT {from} + 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {total})
             SELECT n FROM numbers"
        )
    };
    let kinds = "CASE n % 4 WHEN 0 THEN 'task.update' WHEN 1 THEN 'task.claim' WHEN 2 THEN 'mail.send' ELSE 'lock.acquire' END";
    let sessions = format!("CASE n % 3 WHEN 0 THEN '{session}' WHEN 1 THEN 'ses_another' END");
    for text in [
        format!(
            "INSERT INTO event (scope, seq, at, kind, operator, session, detail)
             SELECT 'workspace:{workspace}', n, n, {kinds}, 'ann', {sessions}, '{{}}' FROM ({numbers}) numbered"
        ),
        format!(
            "INSERT INTO audit_entry (id, scope, seq, at, operator, session, action, detail, prev_hash, hash)
             SELECT 'filled-' || CAST(n AS TEXT), 'workspace:{workspace}', n, n, 'ann', {sessions}, {kinds}, '{{}}', '', ''
             FROM ({numbers}) numbered"
        ),
    ] {
        bed.statement(&text).await;
    }
    bed.statement("ANALYZE").await;
}

async fn looking_costs_the_same_at_any_size(bed: &Bed) {
    let store = bed.open().await;
    let (workspace, sessions) = office(bed, &store).await;
    grow(&store, &workspace, &sessions, 0, 1_000).await;
    let made = async || {
        let scope = Scope::workspace(workspace.as_str());
        store.read().await.unwrap().audit_head(&scope).await.unwrap().unwrap().seq
    };
    bed.statement("ANALYZE").await;
    let few = costs(&store, &workspace, &sessions[0].id, made().await).await;
    let (tasks, events) = (count(5_000, 100_000), i64::try_from(count(50_000, 1_000_000)).unwrap());
    grow(&store, &workspace, &sessions, 1_000, tasks).await;
    fill(bed, &workspace, &sessions[0].id, made().await, events).await;
    assert_eq!(total(&store, &workspace).await, u64::try_from(tasks).unwrap());
    let many = costs(&store, &workspace, &sessions[0].id, events).await;
    for (few, many) in few.iter().zip(&many) {
        let (name, most) = (few.name, 3 * few.work.max(SLACK));
        let (before, after) = (few.micros, many.micros);
        // The harness would keep `println!` back.
        writeln!(
            std::io::stdout(),
            "{name}: {} then {} of work, {before} then {after} us",
            few.work,
            many.work
        )
        .unwrap();
        assert!(
            many.work <= most,
            "{name}: {few:?} among 1,000 tasks, {many:?} among {tasks} and {events} events"
        );
    }
    store.close().await;
}

/// The plans of SQLite: no list, and nothing that every call looks at, reads a whole table or sorts.
#[tokio::test]
async fn every_list_meets_an_index_that_has_its_order() {
    let bed = Bed::sqlite();
    bed.open().await.close().await;
    let workspace: Id<Workspace> = Id::mint(&*bed.ambient);
    let base = TaskFilter::of(workspace.clone());
    let after = Some((Priority::P1, Id::<Task>::mint(&*bed.ambient)));
    let mut texts: Vec<String> = LOOKS.map(str::to_owned).into();
    for filter in [
        base.clone(),
        TaskFilter { after: after.clone(), ..base.clone() },
        TaskFilter { priority: Some(Priority::P0), ..base.clone() },
        TaskFilter { tags: vec!["a".into(), "b".into()], after, ..base.clone() },
        TaskFilter { holder: Some(Id::mint(&*bed.ambient)), ..base.clone() },
        TaskFilter { assignee: Some("ann".into()), ..base.clone() },
        TaskFilter { ready: true, ..base },
    ] {
        let mut query = Query::new("");
        task::piece(&mut query, &filter, TaskStatus::Available, 20);
        texts.push(query.text().to_owned());
    }
    let filter = ReadyFilter {
        workspace: workspace.clone(),
        siblings: Vec::new(),
        names: Vec::new(),
        priority: Some(Priority::P1),
        tags: vec!["a".into()],
    };
    for name in [None, Some("ann".to_owned())] {
        texts.push(task::ready(&filter, &workspace, false, name.as_ref()).text().to_owned());
    }
    texts.push(task::ready(&filter, &workspace, true, None).text().to_owned());
    for (kind, session) in [(None, false), (Some("a".to_owned()), false), (None, true)] {
        let filter = EventFilter {
            session: session.then(|| Id::mint(&*bed.ambient)),
            before: Some(5),
            newest_first: true,
            ..EventFilter::default()
        };
        let query = event::piece(&Scope::global(), &filter, kind.as_ref(), 20);
        texts.push(query.text().to_owned());
    }
    let Aside::Sqlite(conn) = Aside::open(&bed.url).await.unwrap() else { unreachable!() };
    for text in texts {
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let mut rows = explain.raw_query();
        let mut plan: Vec<String> = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get(3).unwrap());
        }
        let whole = plan.iter().any(|line| line.starts_with("SCAN") || line.contains("TEMP B-TREE"));
        assert!(!whole, "{text}\n{plan:#?}");
    }
}
