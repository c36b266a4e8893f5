use brains_core::{Fault, FaultKind};

use super::bed::{Bed, on_both};
use crate::{StoreError, rows::execute};

on_both! { refusals_tell_no_values }

async fn refusals_tell_no_values(bed: &Bed) {
    let store = bed.with_counter().await;
    let mut view = store.read().await.unwrap();
    let secret = "hunter2-hunter2";
    let refused =
        execute!(&mut view, "INSERT INTO counter (name, value) VALUES ($1, NULL)", secret).unwrap_err();
    let shown = format!("{refused:?} {refused} {:?}", Fault::from(refused.clone()));
    assert!(!shown.contains(secret), "{shown}");
    drop(view);
    store.close().await;
}

#[test]
fn every_error_has_a_kind_a_code_and_a_hint() {
    let detail = || "/some/path".to_owned();
    let cases = [
        (StoreError::Unreachable { detail: detail() }, FaultKind::Unavailable, "database_unreachable"),
        (StoreError::ReadOnly, FaultKind::Unavailable, "database_read_only"),
        (StoreError::Full, FaultKind::Unavailable, "database_full"),
        (StoreError::Locked, FaultKind::Unavailable, "database_locked"),
        (StoreError::Corrupt { detail: detail() }, FaultKind::Internal, "database_corrupt"),
        (StoreError::Newer { found: 2, known: 1 }, FaultKind::Unavailable, "database_schema"),
        (StoreError::Taken { noun: "key", name: "ci".into() }, FaultKind::Conflict, "already_exists"),
        (StoreError::Statement { detail: detail() }, FaultKind::Internal, "database_statement"),
        (StoreError::Panicked, FaultKind::Internal, "store_failed"),
    ];
    for (error, kind, code) in cases {
        let fault = Fault::from(error.clone().at("`/home/ann/brains.db`"));
        assert_eq!((fault.kind, fault.code.as_ref()), (kind, code), "{error:?}");
        assert_eq!(fault.hint.as_deref(), error.hint());
        assert!(fault.hint.is_some(), "{error:?}");
        assert!(!fault.message.contains('/'), "no path of this machine: {}", fault.message);
    }
}
