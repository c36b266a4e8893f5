//! What one caller, file or component does never stops, tells or becomes another's: a table of attacks, by area. Each row
//! says which kind it stands for, what is tried (field, spelling, role, surface), and whether the program withstood it
//! before it was mended (commit 1c17be5). Beside each there is honest work that must not suffer.
//!
//! `BRAINS_ATTACKS_BEFORE=1` holds a program of that commit (`BRAINS_BIN`) to the marks instead: what is marked as having
//! fallen must fall there, so that no row is one that cannot fail.

mod components;
mod database;
mod doors;
mod files;
mod people;
mod secrets;
mod turns;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use brains_tests::HANG;
use futures_util::FutureExt as _;

/// How a row went on the program before it was mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Held,
    Fell,
}

use Before::{Fell, Held};

/// Something that is attacked: mostly a running service with honest work in it.
trait Scene: Send + Sync + Sized + 'static {
    /// After which a row counts as one that does not end.
    const LIMIT: std::time::Duration = HANG.saturating_mul(2);

    fn open() -> impl Future<Output = Self>;

    /// Whether it is as good as new after an attack that succeeded; opening another one takes its time.
    fn survived(&self) -> impl Future<Output = bool> {
        std::future::ready(false)
    }
}

/// Rows are tried one after the other, so what they do stays on one thread.
type Attempt<S> = Box<dyn Fn(Arc<S>) -> Pin<Box<dyn Future<Output = ()>>>>;

/// One attack. It fails as any test does, by a panic; one that does not end is a hang.
struct Row<S> {
    /// The kind that it stands for, by page and number of its entry, e.g. `security 6`.
    kind: &'static str,
    /// What is tried.
    what: String,
    before: Before,
    attempt: Attempt<S>,
}

fn row<S, F>(
    kind: &'static str,
    what: impl Into<String>,
    before: Before,
    attempt: impl Fn(Arc<S>) -> F + 'static,
) -> Row<S>
where
    F: Future<Output = ()> + 'static,
{
    Row { kind, what: what.into(), before, attempt: Box::new(move |scene| Box::pin(attempt(scene))) }
}

/// Whether this run looks at the program before it was mended.
fn before() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a person asks for the comparison by environment")]
    std::env::var("BRAINS_ATTACKS_BEFORE").is_ok_and(|value| value == "1")
}

/// Tries all rows, one after the other; after one that succeeded in a scene of its own, for the old one may be gone.
async fn withstand<S: Scene>(rows: Vec<Row<S>>) {
    let mut wrong = Vec::new();
    let mut scene = None;
    for row in rows {
        let place = match scene.take() {
            Some(scene) => scene,
            None => Arc::new(S::open().await),
        };
        // Before, most of what fell hung; nothing is gained by watching it for long.
        let limit = if before() { HANG } else { S::LIMIT };
        let attempt =
            tokio::time::timeout(limit, AssertUnwindSafe((row.attempt)(Arc::clone(&place))).catch_unwind());
        let went = match attempt.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(panic)) => Err(said(&*panic)),
            Err(_) => Err("it did not end".to_owned()),
        };
        let expected = if before() { row.before } else { Held };
        match (&went, expected) {
            (Ok(()), Held) | (Err(_), Fell) => {}
            (Err(why), Held) => wrong.push(format!("{}: {}: {why}", row.kind, row.what)),
            (Ok(()), Fell) => wrong.push(format!("{}: {}: it held before, too", row.kind, row.what)),
        }
        if went.is_ok() || place.survived().await {
            scene = Some(place);
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}

fn kinds_of<S>(rows: &[Row<S>]) -> Vec<&'static str> {
    rows.iter().map(|row| row.kind).collect()
}

#[test]
fn the_table_has_rows_for_every_kind() {
    let kinds = [
        components::kinds(),
        database::kinds(),
        doors::kinds(),
        files::kinds(),
        people::kinds(),
        secrets::kinds(),
        turns::kinds(),
    ]
    .concat();
    assert!(kinds.len() >= 150, "{} rows", kinds.len());
    let wanted = (1..=17).map(|number| format!("security {number}"));
    let wanted = wanted.chain([1, 2, 3, 5].map(|number| format!("coordination {number}")));
    for kind in wanted.chain(["security low".to_owned()]) {
        assert!(kinds.contains(&kind.as_str()), "no row is of the kind {kind}");
    }
}
