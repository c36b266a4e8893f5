use brains_core::config::manifest::{Asks, Manifest, Plays};

use super::{Ledger, PAST, QUARANTINED};

fn manifest() -> Manifest {
    Manifest {
        component: "acme".into(),
        plays: Plays::Provider,
        summary: None,
        asks: Asks::default(),
        flat: None,
        limits: brains_core::config::ComponentLimits::default(),
    }
}

fn digest(number: usize) -> String {
    format!("sha256:{number:064}")
}

#[test]
fn what_served_before_can_be_brought_back_and_what_failed_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), brains_files::Gate::default());
    for number in 1..=6 {
        ledger.serves("acme", &digest(number), &manifest());
    }
    ledger.serves("acme", &digest(6), &manifest());
    let entry = ledger.of("acme").unwrap();
    assert_eq!(entry.past, [digest(5), digest(4), digest(3)]);
    assert_eq!(entry.past.len(), PAST);
    ledger.quarantine("acme", &digest(6), "it fails");
    assert_eq!(ledger.of("acme").unwrap().good(&digest(6)).next(), Some(&digest(5)));
    ledger.serves("acme", &digest(5), &manifest());
    let entry = ledger.of("acme").unwrap();
    assert_eq!((entry.live.as_ref(), entry.past.contains(&digest(6))), (Some(&digest(5)), false));
    for number in 10..40 {
        ledger.quarantine("acme", &digest(number), "it fails");
    }
    assert_eq!(ledger.of("acme").unwrap().quarantined.len(), QUARANTINED);
}

#[test]
fn it_outlives_the_process_and_a_torn_file_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), brains_files::Gate::default());
    ledger.serves("acme", &digest(1), &manifest());
    ledger.waits("acme", Some(&digest(2)));
    ledger.came_with("acme", &digest(9), &manifest());
    Ledger::save(&std::sync::Mutex::new(ledger));
    let again = Ledger::open(folder.path(), brains_files::Gate::default());
    let entry = again.of("acme").unwrap();
    assert_eq!((entry.live.as_ref(), entry.waiting.as_ref()), (Some(&digest(1)), Some(&digest(2))));
    assert!(!entry.manifests.contains_key(&digest(9)), "nothing names it");
    assert_eq!(again.needed().into_iter().collect::<Vec<_>>(), [digest(1), digest(2)]);
    fs_err::write(folder.path().join("versions.json"), "{ torn").unwrap();
    assert!(Ledger::open(folder.path(), brains_files::Gate::default()).of("acme").is_none());
    assert!(folder.path().join("versions.unreadable.json").exists());
}
