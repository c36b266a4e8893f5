use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use brains_core::{Fault, FaultKind};

use super::bed::{Aside, Bed, increment, on_both, verified};
use crate::rows::{execute, fetch_optional};
use crate::{Actor, Scope, Store, StoreError};

on_both! { a_lock_held_by_another_is_told_and_waited_out a_full_disk_is_told_and_left_behind }

async fn add(store: &Store) -> Result<i64, Fault> {
    store.write(Scope::global(), Actor::system(), |tx| Box::pin(async move { increment(tx).await })).await
}

async fn impatient(bed: &Bed) -> Store {
    bed.with_counter().await.close().await;
    let mut options = bed.options();
    options.patience = Duration::from_millis(400);
    Store::open(&bed.url, options).await.unwrap()
}

#[track_caller]
fn check(fault: &Fault, code: &str) {
    assert_eq!((fault.kind, fault.code.as_ref()), (FaultKind::Unavailable, code), "{fault:?}");
    assert!(fault.hint.is_some() && fault.retry_after_ms.is_some(), "{fault:?}");
}

async fn a_lock_held_by_another_is_told_and_waited_out(bed: &Bed) {
    let store = impatient(bed).await;
    assert_eq!(add(&store).await.unwrap(), 1);
    let mut aside = Aside::open(&bed.url).await.unwrap();
    aside
        .run(if bed.is_postgres() { "BEGIN; SELECT * FROM audit_head FOR UPDATE" } else { "BEGIN EXCLUSIVE" })
        .await
        .unwrap();
    check(&add(&store).await.unwrap_err(), "database_locked");
    assert!(store.read().await.unwrap().audit_scopes().await.is_ok(), "reading goes on");
    let (waited, ()) = tokio::join!(add(&store), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        aside.run("ROLLBACK").await.unwrap();
    });
    assert_eq!(waited.unwrap(), 2);
    aside.close().await;
    store.close().await;
}

async fn a_full_disk_is_told_and_left_behind(bed: &Bed) {
    if bed.is_postgres() {
        let store = impatient(bed).await;
        add(&store).await.unwrap();
        bed.statement(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$;
             CREATE TRIGGER fail BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION fail()",
        )
        .await;
        check(&add(&store).await.unwrap_err(), "database_full");
        bed.statement("DROP TRIGGER fail ON audit_entry").await;
        assert_eq!(add(&store).await.unwrap(), 2);
        store.close().await;
        return;
    }
    let disk = Disk::mount(bed.dir.path());
    let ballast = bed.dir.path().join("ballast");
    if disk.is_some() {
        fill(&ballast);
        assert_eq!(refusal(&bed.url, bed).await, StoreError::Full, "also at the start");
        fs_err::remove_file(&ballast).unwrap();
    }
    let store = impatient(bed).await;
    let mut kept = add(&store).await.unwrap();
    if disk.is_some() {
        fill(&ballast);
    } else {
        // Without the right to mount: the writer's connection may not grow its file.
        let limit = store
            .touch(|tx| Box::pin(async move { Ok(execute!(&mut tx.rows, "PRAGMA max_page_count = 1")?) }))
            .await;
        limit.unwrap();
    }
    let fault = loop {
        let big = "x".repeat(20_000);
        let write = store.write(Scope::global(), Actor::system(), move |tx| {
            Box::pin(async move {
                tx.record("big", serde_json::json!({ "words": big.split_at(3).1 })).await?;
                increment(tx).await
            })
        });
        match write.await {
            Ok(value) => kept = value,
            Err(fault) => break fault,
        }
    };
    check(&fault, "database_full");
    drop(fs_err::remove_file(&ballast));
    let value = add(&store).await.unwrap();
    assert_eq!(value, kept + 1, "what was acknowledged is there, what was refused is not");
    assert_eq!(verified(&mut store.read().await.unwrap(), &Scope::global()).await.broken, None);
    store.close().await;
    drop(disk);
}

/// A small file system of our own, where the tests may mount one.
pub(super) struct Disk<'p>(&'p Path);

impl<'p> Disk<'p> {
    pub(super) fn mount(at: &'p Path) -> Option<Self> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(at).output();
        mount.is_ok_and(|done| done.status.success()).then_some(Self(at))
    }

    fn read_only(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(self.0).status().unwrap();
        assert!(done.success());
    }

    fn writable(&self) {
        let done = Command::new("mount").args(["-o", "remount,rw"]).arg(self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0).status());
    }
}

pub(super) fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = fs_err::File::create(path).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
}

async fn refusal(url: &str, bed: &Bed) -> StoreError {
    let mut options = bed.options();
    options.patience = Duration::from_millis(500);
    match Store::open(url, options).await.unwrap_err() {
        StoreError::Open { source, .. } => *source,
        other => other,
    }
}

#[tokio::test]
async fn a_read_only_directory_is_told() {
    let bed = Bed::sqlite();
    let disk = Disk::mount(bed.dir.path());
    bed.open().await.close().await;
    let mode = |mode| fs_err::set_permissions(bed.dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    match &disk {
        Some(disk) => disk.read_only(),
        None => mode(0o500),
    }
    assert_eq!(refusal(&bed.url, &bed).await, StoreError::ReadOnly);
    let fresh = format!("sqlite://{}", bed.dir.path().join("fresh.db").display());
    assert_eq!(refusal(&fresh, &bed).await, StoreError::ReadOnly);
    match &disk {
        Some(disk) => disk.writable(),
        None => mode(0o700),
    }
    bed.open().await.close().await;
    drop(disk);
}

#[tokio::test]
async fn what_is_no_database_is_told() {
    let bed = Bed::sqlite();
    fs_err::write(bed.file(), "this is a text file of some length, and no database at all\n".repeat(20))
        .unwrap();
    assert!(matches!(refusal(&bed.url, &bed).await, StoreError::Corrupt { .. }));
    let text = fs_err::read_to_string(bed.file()).unwrap();
    assert!(text.starts_with("this is a text file"), "and is left as it was");
    let nowhere = format!("sqlite://{}/no/such/brains.db", bed.dir.path().display());
    assert!(matches!(refusal(&nowhere, &bed).await, StoreError::Unreachable { .. }));
    let folder = format!("sqlite://{}", bed.dir.path().display());
    assert!(matches!(refusal(&folder, &bed).await, StoreError::Unreachable { .. }));
}

#[tokio::test]
async fn a_file_is_for_its_owner_only() {
    let bed = Bed::sqlite();
    let store = bed.with_counter().await;
    add(&store).await.unwrap();
    for name in ["brains.db", "brains.db-wal", "brains.db-shm"] {
        let mode = fs_err::metadata(bed.dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    store.close().await;
}

#[tokio::test]
async fn an_acknowledged_write_is_on_the_disk() {
    let bed = Bed::sqlite();
    let store = bed.open().await;
    let settings = store
        .touch(|tx| {
            Box::pin(async move {
                let rows = &mut tx.rows;
                let journal = fetch_optional!(rows, String, "PRAGMA journal_mode")?;
                let synchronous = fetch_optional!(rows, i64, "PRAGMA synchronous")?;
                let foreign_keys = fetch_optional!(rows, i64, "PRAGMA foreign_keys")?;
                Ok((journal, synchronous, foreign_keys))
            })
        })
        .await
        .unwrap();
    assert_eq!(settings, (Some("wal".into()), Some(2), Some(1)), "2 is FULL");
    store.close().await;
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let bed = Bed::postgres().await;
    let store = bed.with_counter().await;
    add(&store).await.unwrap();
    bed.statement(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = CURRENT_DATABASE() AND pid <> pg_backend_pid()",
    )
    .await;
    // Pooled connections are looked at before they are used.
    assert_eq!(add(&store).await.unwrap(), 2);
    assert!(store.read().await.unwrap().audit_scopes().await.is_ok());
    store.close().await;
    bed.drop_database().await;
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_told_without_its_password() {
    let bed = Bed::sqlite();
    let url = "postgres://ann:hunter2-hunter2@127.0.0.1:1/brains";
    let error = Store::open(url, bed.options()).await.unwrap_err();
    let StoreError::Open { place, source } = &error else { panic!("{error:?}") };
    assert_eq!(place, "`brains` at `127.0.0.1:1`");
    assert!(matches!(**source, StoreError::Unreachable { .. }), "{source:?}");
    assert!(!format!("{error:?} {error} {source} {:?}", Fault::from(error.clone())).contains("hunter2"));
    for url in
        ["mysql://ann:hunter2@x/y", "postgres://ann:hunter2@x:port/y", "sqlite://", "sqlite::memory:", ""]
    {
        let error = Store::open(url, bed.options()).await.unwrap_err();
        assert!(matches!(error, StoreError::Url { .. }), "{url}: {error:?}");
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}
