use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_named_directory_wins() {
    let find = |pairs: &[(&str, &str)]| Home::find(&Environment::of(pairs)).map(|home| home.dir);
    assert_eq!(find(&[("HOME", "/h"), ("BRAINS_HOME", "/a"), ("BRAINS_STATE_DIR", "/b")]), Ok("/a".into()));
    assert_eq!(find(&[("HOME", "/h"), ("BRAINS_STATE_DIR", "~/b")]), Ok("/h/b".into()));
    assert_eq!(find(&[("HOME", "/h"), ("BRAINS_HOME", "")]), Ok("/h/.brains".into()));
    assert_eq!(find(&[]).unwrap_err().kind, FaultKind::Invalid);
}

#[test]
fn everything_is_closed_to_others() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(&scratch.path().join("deep/state"));
    home.ensure().unwrap();
    assert_eq!(mode(home.dir()), DIR_MODE);
    write_atomically(&home.runtime(), b"one").unwrap();
    write_atomically(&home.runtime(), b"two").unwrap();
    assert_eq!((fs::read(home.runtime()).unwrap(), mode(&home.runtime())), (b"two".to_vec(), FILE_MODE));
    write_new(&home.admin_key(), b"key").unwrap();
    assert_eq!(write_new(&home.admin_key(), b"other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!((fs::read(home.admin_key()).unwrap(), mode(&home.admin_key())), (b"key".to_vec(), FILE_MODE));
    drop(open_append(&home.log()).unwrap_err());
}

#[test]
fn a_link_stays_a_link() {
    let scratch = tempfile::tempdir().unwrap();
    let (target, link) = (scratch.path().join("target"), scratch.path().join("link"));
    fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    write_atomically(&link, b"new").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&target).unwrap(), "new");
}
