use brains_core::config::manifest::{Asks, Manifest, Plays};

use super::{PAST, QUARANTINED, VersionHistory};

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
    let mut history = VersionHistory::open(folder.path(), brains_files::Gate::default());
    for number in 1..=6 {
        history.serves("acme", &digest(number), &manifest());
    }
    history.serves("acme", &digest(6), &manifest());
    let entry = history.of("acme").unwrap();
    assert_eq!(entry.past, [digest(5), digest(4), digest(3)]);
    assert_eq!(entry.past.len(), PAST);
    history.quarantine("acme", &digest(6), "it fails");
    assert_eq!(history.of("acme").unwrap().good(&digest(6)).next(), Some(&digest(5)));
    history.serves("acme", &digest(5), &manifest());
    let entry = history.of("acme").unwrap();
    assert_eq!((entry.live.as_ref(), entry.past.contains(&digest(6))), (Some(&digest(5)), false));
    for number in 10..40 {
        history.quarantine("acme", &digest(number), "it fails");
    }
    assert_eq!(history.of("acme").unwrap().quarantined.len(), QUARANTINED);
}

#[test]
fn it_outlives_the_process_and_a_torn_file_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = VersionHistory::open(folder.path(), brains_files::Gate::default());
    history.serves("acme", &digest(1), &manifest());
    history.waits("acme", Some(&digest(2)));
    history.came_with("acme", &digest(9), &manifest());
    VersionHistory::save(&std::sync::Mutex::new(history));
    let again = VersionHistory::open(folder.path(), brains_files::Gate::default());
    let entry = again.of("acme").unwrap();
    assert_eq!((entry.live.as_ref(), entry.waiting.as_ref()), (Some(&digest(1)), Some(&digest(2))));
    assert!(!entry.manifests.contains_key(&digest(9)), "nothing names it");
    assert_eq!(again.needed().into_iter().collect::<Vec<_>>(), [digest(1), digest(2)]);
    fs_err::write(folder.path().join("versions.json"), "{ torn").unwrap();
    assert!(VersionHistory::open(folder.path(), brains_files::Gate::default()).of("acme").is_none());
    assert!(folder.path().join("versions.unreadable.json").exists());
}
