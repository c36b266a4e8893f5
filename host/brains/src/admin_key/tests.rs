use super::*;
use crate::ambient::SystemAmbient;

#[test]
fn a_key_is_made_once() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(&scratch.path().join("state"));
    let gate = Gate::default();
    let (key, fresh) = ensure(&home, &SystemAmbient::new(), &gate).unwrap();
    assert!(fresh && key.expose().len() == 43);
    assert!(key.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    assert_eq!(ensure(&home, &SystemAmbient::new(), &gate).unwrap(), (key, false));
}

#[tokio::test]
async fn a_rotated_key_counts_at_once_and_the_old_one_no_more() {
    let scratch = tempfile::tempdir().unwrap();
    let watched = AdminKeyFile::new(scratch.path().join("admin-key"), Gate::default());
    assert_eq!(watched.current().await.unwrap(), None);
    let mut before = watched.generation();
    assert_eq!(watched.generation(), before, "nothing changed");
    for round in 0..50 {
        let key = Secret::new(format!("key-{round:03}"));
        write(watched.path(), &key).unwrap();
        fs_err::write(scratch.path().join("beside"), "x").unwrap();
        let now = watched.generation();
        assert_ne!(now, before, "round {round}");
        before = now;
        assert_eq!(watched.current().await.unwrap(), Some(key));
        assert_eq!(watched.generation(), before, "round {round}");
    }
    fs_err::write(watched.path(), "by hand").unwrap();
    assert_ne!(watched.generation(), before);
    assert_eq!(watched.current().await.unwrap(), Some(Secret::new("by hand")));
    let before = watched.generation();
    fs_err::remove_file(watched.path()).unwrap();
    assert_ne!(watched.generation(), before);
    assert_eq!((watched.current().await.unwrap(), watched.known()), (None, None));
}

#[tokio::test]
async fn a_state_directory_that_is_replaced_is_watched_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path().join("state");
    fs_err::create_dir(&state).unwrap();
    let watched = AdminKeyFile::new(state.join("admin-key"), Gate::default());
    write(watched.path(), &Secret::new("one")).unwrap();
    assert_eq!(watched.current().await.unwrap(), Some(Secret::new("one")));
    fs_err::rename(&state, scratch.path().join("before")).unwrap();
    fs_err::create_dir(&state).unwrap();
    write(watched.path(), &Secret::new("two")).unwrap();
    let before = watched.generation();
    assert_eq!(watched.current().await.unwrap(), Some(Secret::new("two")));
    write(watched.path(), &Secret::new("three")).unwrap();
    assert_ne!(watched.generation(), before);
    assert!(watched.look().await);
}

#[tokio::test]
async fn an_empty_file_is_no_key_and_a_link_is_none() {
    let scratch = tempfile::tempdir().unwrap();
    let watched = AdminKeyFile::new(scratch.path().join("admin-key"), Gate::default());
    fs_err::write(watched.path(), "\n").unwrap();
    assert_eq!(watched.current().await.unwrap_err().kind.exit_code(), 2);
    assert_eq!(read(&Gate::default(), watched.path()).unwrap_err().kind.exit_code(), 2);
    fs_err::remove_file(watched.path()).unwrap();
    fs_err::write(scratch.path().join("else"), "a key of another").unwrap();
    std::os::unix::fs::symlink("else", watched.path()).unwrap();
    let fault = watched.current().await.unwrap_err();
    assert!(fault.message.contains("a symbolic link"), "{fault}");
    assert_eq!(watched.known(), None);
}
