use std::path::{Path, PathBuf};
use std::time::Duration;

use brains_core::Fault;
use fs_err as fs;

use super::bed::{Aside, Bed, counter, increment, verified};
use super::processes::{acknowledged, start};
use crate::rows::execute;
use crate::{Actor, Scope, Store, StoreError};

async fn add(store: &Store) -> Result<i64, Fault> {
    store.write(Scope::global(), Actor::system(), |tx| Box::pin(async move { increment(tx).await })).await
}

async fn value_in(file: &Path, bed: &Bed) -> i64 {
    let store = Store::open(&format!("sqlite://{}", file.display()), bed.options()).await.unwrap();
    let value = counter(&mut store.read().await.unwrap()).await.unwrap();
    let verified = verified(&mut store.read().await.unwrap(), &Scope::global()).await;
    assert_eq!(verified.broken, None);
    store.close().await;
    value
}

fn beside(bed: &Bed, ending: &str) -> PathBuf {
    bed.dir.path().join(format!("brains.db{ending}"))
}

/// A consistent copy of what is there now, as an operator's backup.
async fn copied(bed: &Bed) -> PathBuf {
    let copy = beside(bed, ".backup");
    let mut aside = Aside::open(&bed.url).await.unwrap();
    aside.run(&format!("VACUUM INTO '{}'", copy.display())).await.unwrap();
    aside.close().await;
    copy
}

/// Lets another process write and ends it as a crash would: nothing is closed, the log is full. Tells the last value that
/// was acknowledged.
fn crash(bed: &Bed) -> i64 {
    let mut child = start(&bed.url, 1, 1_000_000);
    let (values, rest) = acknowledged(&mut child, 3);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(fs::metadata(beside(bed, "-wal")).unwrap().len() > 0, "a log is left behind");
    values.into_iter().chain(rest()).max().unwrap()
}

/// Takes the database away under a store that has acknowledged 3 (2 of it in a backup), and looks whether everybody is
/// told; `how` is what they are told.
async fn taken_away(bed: &Bed, how: &str, deed: impl FnOnce(&Bed, &Path)) -> Store {
    let store = bed.with_counter().await;
    for _ in 0..2 {
        add(&store).await.unwrap();
    }
    let backup = copied(bed).await;
    assert_eq!(add(&store).await.unwrap(), 3);
    drop(store.read().await.unwrap());
    deed(bed, &backup);
    let refused = add(&store).await.unwrap_err();
    assert_eq!(refused.code, "database_replaced", "{refused:?}");
    assert!(refused.message.contains(how) && refused.hint.is_some(), "{refused:?}");
    let again = add(&store).await.unwrap_err();
    assert_eq!(again.code, "database_replaced", "{again:?}");
    // Once somebody was told everybody is, through connections that were there before, too.
    match store.read().await {
        Err(StoreError::Replaced { how: told, .. }) => assert!(told.contains(how), "{told}"),
        other => panic!("{other:?}"),
    }
    store
}

/// The copy that the store made of what it had acknowledged.
async fn rescued(bed: &Bed) -> i64 {
    value_in(&beside(bed, ".rescued-1"), bed).await
}

fn delete_all(bed: &Bed) {
    for ending in ["", "-wal", "-shm"] {
        fs::remove_file(beside(bed, ending)).unwrap();
    }
}

#[tokio::test]
async fn a_deleted_database_is_told_and_what_it_held_is_kept() {
    let bed = Bed::sqlite();
    let store = taken_away(&bed, "deleted", |bed, _| delete_all(bed)).await;
    store.close().await;
    assert_eq!(rescued(&bed).await, 3);
}

#[tokio::test]
async fn a_deleted_file_whose_log_is_left_is_told() {
    let bed = Bed::sqlite();
    let store = taken_away(&bed, "deleted", |bed, _| fs::remove_file(bed.file()).unwrap()).await;
    store.close().await;
    assert_eq!(rescued(&bed).await, 3);
    // A database made anew does not get the old one's log.
    let fresh = bed.with_counter().await;
    assert_eq!(add(&fresh).await.unwrap(), 1);
    fresh.close().await;
}

#[tokio::test]
async fn a_copy_moved_over_it_is_told_and_is_what_the_next_start_finds() {
    let bed = Bed::sqlite();
    let store = taken_away(&bed, "another file", |bed, backup| fs::rename(backup, bed.file()).unwrap()).await;
    store.close().await;
    assert_eq!((value_in(&bed.file(), &bed).await, rescued(&bed).await), (2, 3));
}

#[tokio::test]
async fn a_copy_written_into_it_is_told_and_gets_no_log_of_the_old_content() {
    let bed = Bed::sqlite();
    let store = taken_away(&bed, "written over", |bed, backup| {
        assert!(fs::copy(backup, bed.file()).unwrap() > 0);
    })
    .await;
    store.close().await;
    assert_eq!(value_in(&bed.file(), &bed).await, 2);
}

#[tokio::test]
async fn a_deleted_log_is_told() {
    let bed = Bed::sqlite();
    let store = taken_away(&bed, "log", |bed, _| fs::remove_file(beside(bed, "-wal")).unwrap()).await;
    store.close().await;
    assert_eq!(rescued(&bed).await, 3);
}

#[tokio::test]
async fn one_that_is_moved_away_and_back_goes_on() {
    let bed = Bed::sqlite();
    let store = bed.with_counter().await;
    add(&store).await.unwrap();
    fs::rename(bed.file(), beside(&bed, ".away")).unwrap();
    assert_eq!(add(&store).await.unwrap_err().code, "database_replaced");
    fs::rename(beside(&bed, ".away"), bed.file()).unwrap();
    assert_eq!(add(&store).await.unwrap(), 2);
    assert!(store.read().await.is_ok());
    store.close().await;
    assert_eq!(value_in(&bed.file(), &bed).await, 2);
    assert!(!beside(&bed, "-wal").exists(), "the log went into the file");
}

/// A crash that leaves a log, and a copy of what the database held before it.
async fn crashed_behind_its_copy(bed: &Bed) -> std::path::PathBuf {
    let store = bed.with_counter().await;
    add(&store).await.unwrap();
    let backup = copied(bed).await;
    store.close().await;
    crash(bed);
    backup
}

#[tokio::test]
async fn a_copy_put_in_place_after_a_crash_gets_no_log_of_the_old_one() {
    let bed = Bed::sqlite();
    let backup = crashed_behind_its_copy(&bed).await;
    fs::rename(&backup, bed.file()).unwrap();
    assert_eq!(value_in(&bed.file(), &bed).await, 1);
    let aside = fs::read_dir(bed.dir.path()).unwrap().flatten();
    let aside = aside.filter(|entry| entry.file_name().to_string_lossy().contains("-wal.of-another-"));
    assert_eq!(aside.count(), 1, "the old log is kept");
}

#[tokio::test]
async fn a_crash_alone_loses_nothing() {
    let bed = Bed::sqlite();
    bed.with_counter().await.close().await;
    let acknowledged = crash(&bed);
    assert!(value_in(&bed.file(), &bed).await >= acknowledged);
    assert!(!beside(&bed, "-wal").exists(), "its log went into the file");
}

/// What other programs may rightly do: take the log over into the file, shrink it, write.
#[tokio::test]
async fn what_others_rightly_write_is_no_alarm() {
    let bed = Bed::sqlite();
    let store = bed.with_counter().await;
    for round in 1..=5 {
        let grown = store
            .touch(|tx| {
                Box::pin(async move {
                    let text = "CREATE TABLE IF NOT EXISTS bulk AS SELECT hex(randomblob(20000)) AS words";
                    Ok(execute!(&mut tx.rows, text)?)
                })
            })
            .await;
        grown.unwrap();
        bed.statement("PRAGMA wal_checkpoint(TRUNCATE)").await;
        assert_eq!(add(&store).await.unwrap(), round);
        bed.statement("DROP TABLE bulk; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").await;
        assert!(add(&store).await.is_ok(), "round {round}");
        bed.statement(&format!("UPDATE counter SET value = {round}")).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(store.read().await.is_ok());
    }
    store.close().await;
}

#[tokio::test]
async fn a_copy_written_into_it_after_a_crash_gets_no_log_of_the_old_one() {
    let bed = Bed::sqlite();
    let backup = crashed_behind_its_copy(&bed).await;
    assert!(fs::copy(&backup, bed.file()).unwrap() > 0);
    assert_eq!(value_in(&bed.file(), &bed).await, 1);
    // The next crash is one of the restored database, and loses nothing.
    let acknowledged = crash(&bed);
    assert!(value_in(&bed.file(), &bed).await >= acknowledged);
}

/// What lay there as files of one moment is one database, whichever program put it back.
#[tokio::test]
async fn a_copy_that_brings_its_own_log_keeps_it() {
    let bed = Bed::sqlite();
    bed.with_counter().await.close().await;
    let acknowledged = crash(&bed);
    for ending in ["", "-wal"] {
        fs::copy(beside(&bed, ending), beside(&bed, &format!(".backup{ending}"))).unwrap();
    }
    assert!(value_in(&bed.file(), &bed).await >= acknowledged);
    crash(&bed);
    tokio::time::sleep(Duration::from_millis(20)).await;
    for ending in ["", "-wal"] {
        fs::copy(beside(&bed, &format!(".backup{ending}")), beside(&bed, ending)).unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fs::remove_file(beside(&bed, "-shm")).unwrap();
    assert!(value_in(&bed.file(), &bed).await >= acknowledged);
}

/// The load of others explains no change of the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_written_into_it_under_load_is_told() {
    let bed = Bed::sqlite();
    let store = bed.with_counter().await;
    add(&store).await.unwrap();
    let backup = copied(&bed).await;
    let writer = super::bed::spawn({
        let store = store.clone();
        async move {
            loop {
                if let Err(fault) = add(&store).await {
                    return fault;
                }
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(fs::copy(&backup, bed.file()).unwrap() > 0);
    assert_eq!(writer.await.unwrap().code, "database_replaced");
    store.close().await;
    assert_eq!(value_in(&bed.file(), &bed).await, 1);
}

#[tokio::test]
async fn a_long_log_goes_into_the_file() {
    let bed = Bed::sqlite();
    bed.with_counter().await.close().await;
    for _ in 0..3 {
        let store = bed.open().await;
        let grown = store.touch(|tx| {
            Box::pin(async move {
                execute!(&mut tx.rows, "DROP TABLE IF EXISTS bulk")?;
                // More pages than a log holds before it is taken over.
                let text = "CREATE TABLE bulk AS WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many \
                    WHERE n < 9000) SELECT n, hex(randomblob(1900)) AS words FROM many";
                Ok(execute!(&mut tx.rows, text)?)
            })
        });
        grown.await.unwrap();
        let value = add(&store).await.unwrap();
        let size = fs::metadata(bed.file()).unwrap().len();
        assert!(size > 8_000 * 4_096, "the log went into the file: {size}");
        store.close().await;
        assert_eq!(value_in(&bed.file(), &bed).await, value);
    }
}

/// While the log goes into the file that changes, and whatever ends the process then is no restore.
#[tokio::test]
async fn a_crash_while_the_log_goes_into_the_file_loses_nothing() {
    let bed = Bed::sqlite();
    bed.with_counter().await.close().await;
    let acknowledged = crash(&bed);
    let note = beside(&bed, "-owner");
    let mut told: serde_json::Value = serde_json::from_slice(&fs::read(&note).unwrap()).unwrap();
    assert!(told["state"].is_object(), "{told}");
    told["state"] = serde_json::Value::Null;
    fs::write(&note, told.to_string()).unwrap();
    let file = fs::OpenOptions::new().write(true).open(bed.file()).unwrap();
    file.file().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    drop(file);
    assert!(value_in(&bed.file(), &bed).await >= acknowledged);
}
