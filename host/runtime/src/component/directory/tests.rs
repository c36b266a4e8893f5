use super::{Directory, Look, Looked};

const CHANGED: Looked = Looked { changed: true, unsettled: false };
const UNSETTLED: Looked = Looked { changed: false, unsettled: true };
const NOTHING: Looked = Looked { changed: false, unsettled: false };

#[test]
fn a_file_counts_once_two_looks_find_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(folder.path().to_owned(), brains_files::Gate::default());
    assert_eq!(directory.look(Look::Settled), NOTHING);
    let path = folder.path().join("acme.wasm");
    fs_err::write(&path, "half").unwrap();
    assert_eq!(directory.look(Look::Settled), UNSETTLED);
    fs_err::write(&path, "half and more").unwrap();
    assert_eq!(directory.look(Look::Settled), UNSETTLED, "it grew between the looks");
    assert!(directory.dropped().is_empty());
    assert_eq!(directory.unsettled(), ["acme"]);
    assert_eq!(directory.look(Look::Settled), CHANGED);
    assert_eq!(directory.look(Look::Settled), NOTHING);
    let whole = directory.dropped().get("acme").unwrap().clone();
    assert_eq!((whole.size_bytes, whole.manifest), (13, None));

    // The next version counts as late as the first; until then the old one is what is offered.
    fs_err::write(folder.path().join("acme.yaml"), "component: acme\nplays: provider\n").unwrap();
    assert_eq!(directory.look(Look::Settled), UNSETTLED);
    assert_eq!(directory.dropped().get("acme").unwrap().digest, whole.digest);
    assert_eq!(directory.look(Look::Settled), CHANGED);
    assert!(directory.dropped().get("acme").unwrap().manifest.as_ref().unwrap().is_ok());

    fs_err::remove_file(&path).unwrap();
    assert_eq!(directory.look(Look::Settled), CHANGED);
    assert!(directory.dropped().is_empty());
}

#[test]
fn a_file_that_is_replaced_by_rename_counts_and_hidden_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(folder.path().to_owned(), brains_files::Gate::default());
    let path = folder.path().join("acme.wasm");
    fs_err::write(&path, "one").unwrap();
    assert_eq!(directory.look(Look::Once), CHANGED);
    fs_err::write(folder.path().join(".acme.wasm"), "two").unwrap();
    assert_eq!(directory.look(Look::Once), NOTHING);
    fs_err::rename(folder.path().join(".acme.wasm"), &path).unwrap();
    assert_eq!(directory.look(Look::Settled), UNSETTLED);
    assert_eq!(directory.look(Look::Settled), CHANGED);
    assert_eq!(directory.dropped().len(), 1);
    fs_err::write(folder.path().join("acme.yaml"), "component: [").unwrap();
    directory.look(Look::Once);
    assert!(directory.dropped().get("acme").unwrap().manifest.as_ref().unwrap().is_err());
}
