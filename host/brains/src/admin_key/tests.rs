use super::*;
use crate::ambient::System;

#[test]
fn a_key_is_made_once() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(&scratch.path().join("state"));
    let (key, fresh) = ensure(&home, &System::new()).unwrap();
    assert!(fresh && key.expose().len() == 43);
    assert!(key.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    assert_eq!(ensure(&home, &System::new()).unwrap(), (key, false));
}

#[test]
fn a_rotated_key_counts_at_once_and_the_old_one_no_more() {
    let scratch = tempfile::tempdir().unwrap();
    let watched = Watched::new(scratch.path().join("admin-key"));
    assert_eq!(watched.current(), None);
    for round in 0..50 {
        let key = Secret::new(format!("key-{round:03}"));
        write(watched.path(), &key).unwrap();
        assert_eq!(watched.current(), Some(key));
    }
    fs::remove_file(watched.path()).unwrap();
    assert_eq!(watched.current(), None);
}

#[test]
fn an_empty_file_is_no_key() {
    let scratch = tempfile::tempdir().unwrap();
    let watched = Watched::new(scratch.path().join("admin-key"));
    fs::write(watched.path(), "\n").unwrap();
    assert_eq!(watched.current(), None);
    assert_eq!(read(watched.path()).unwrap_err().kind.exit_code(), 2);
}
