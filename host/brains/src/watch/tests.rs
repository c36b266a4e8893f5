use std::collections::BTreeSet;

use tokio::sync::mpsc::channel;

use super::{FolderWatch, HANG, quiet};

#[tokio::test]
async fn the_system_tells_of_a_file_that_appears_and_of_one_that_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, mut stirred) = channel(1);
    let mut watch = FolderWatch::by_system(sender);
    let folders: BTreeSet<_> = [folder.path().to_owned()].into();
    assert!(watch.cover(&folders));
    let told_of = async |what: &str, stirred: &mut tokio::sync::mpsc::Receiver<()>| {
        tokio::time::timeout(HANG, stirred.recv()).await.unwrap_or_else(|_| panic!("{what}")).unwrap();
        quiet(stirred).await;
    };
    fs_err::write(folder.path().join("new.yaml"), "a: 1").unwrap();
    told_of("a new file", &mut stirred).await;
    fs_err::write(folder.path().join("other"), "a: 2").unwrap();
    told_of("another", &mut stirred).await;
    fs_err::rename(folder.path().join("other"), folder.path().join("new.yaml")).unwrap();
    told_of("a rename", &mut stirred).await;
    assert!(stirred.try_recv().is_err(), "a burst is told of once");
}

#[test]
fn folders_that_cannot_be_watched_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let folders: BTreeSet<_> = [folder.path().to_owned()].into();
    assert!(!FolderWatch::by_nobody().cover(&folders));
    let (sender, _stirred) = channel(1);
    let mut watch = FolderWatch::by_system(sender);
    let later: BTreeSet<_> = [folder.path().join("later")].into();
    assert!(!watch.cover(&later));
    fs_err::create_dir(folder.path().join("later")).unwrap();
    assert!(watch.cover(&later));
}

#[tokio::test]
async fn a_folder_that_is_made_anew_is_watched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, mut stirred) = channel(1);
    let mut watch = FolderWatch::by_system(sender);
    let plugins = folder.path().join("plugins");
    let folders: BTreeSet<_> = [plugins.clone()].into();
    fs_err::create_dir(&plugins).unwrap();
    assert!(watch.cover(&folders));
    fs_err::rename(&plugins, folder.path().join("before")).unwrap();
    fs_err::create_dir(&plugins).unwrap();
    assert!(watch.cover(&folders));
    while stirred.try_recv().is_ok() {}
    fs_err::write(plugins.join("acme.wasm"), "new").unwrap();
    tokio::time::timeout(HANG, stirred.recv()).await.unwrap().unwrap();
}
