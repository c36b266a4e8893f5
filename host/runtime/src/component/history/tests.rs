use brains_core::config::manifest::{Asks, Manifest, Plays};

use super::VersionHistory;

fn manifest() -> Manifest {
    Manifest {
        component: "acme".into(),
        plays: Plays::Provider,
        summary: None,
        asks: Asks::default(),
        flat: None,
        account: None,
        limits: brains_core::config::ComponentLimits::default(),
        continues: false,
    }
}

fn digest(number: usize) -> String {
    format!("sha256:{number:064}")
}

#[test]
fn it_outlives_the_process_and_a_torn_file_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let history = VersionHistory::open(folder.path(), brains_files::Gate::default());
    history.update("acme", |history| history.serves(&digest(1), &manifest()));
    history.update("acme", |history| {
        history.manifests.insert(digest(9), manifest());
    });
    history.waits("acme", &digest(2), &manifest());
    let again = VersionHistory::open(folder.path(), brains_files::Gate::default());
    let entry = again.of("acme").unwrap();
    assert_eq!((entry.live.as_ref(), entry.waiting.as_ref()), (Some(&digest(1)), Some(&digest(2))));
    assert!(!entry.manifests.contains_key(&digest(9)), "nothing names it");
    assert_eq!(again.needed().into_iter().collect::<Vec<_>>(), [digest(1), digest(2)]);
    fs_err::write(folder.path().join("versions.json"), "{ torn").unwrap();
    assert!(VersionHistory::open(folder.path(), brains_files::Gate::default()).of("acme").is_none());
    assert!(folder.path().join("versions.unreadable.json").exists());
}
