use super::*;

fn replace(path: &Path, expected: &[u8], bytes: &[u8]) -> io::Result<bool> {
    let (path, expected, bytes) = (path.to_owned(), expected.to_vec(), bytes.to_vec());
    let replaced = Gate::default().wait(GateTarget::of(&path.clone()), move |visit| {
        super::replace(visit, &path, Links::Followed, &expected, &bytes)
    });
    replaced.unwrap()
}

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

#[test]
fn a_file_is_replaced_only_as_long_as_it_is_what_was_read() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("overlay.yaml");
    assert!(!replace(&path, b"something", b"new").unwrap());
    assert!(replace(&path, b"", b"one").unwrap());
    assert!(!replace(&path, b"", b"two").unwrap());
    assert!(!replace(&path, b"other", b"two").unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert!(replace(&path, b"one", b"two").unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, FILE_MODE);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing is left beside it");
}

/// Somebody saves an open editor again and again while a program edits the same file: whatever was saved last is in
/// the file, with or without what the program made of it.
#[test]
fn what_an_editor_saves_survives_a_program() {
    const SAVES: usize = 300;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("overlay.yaml");
    fs::write(&path, "").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            use std::fmt::Write as _;
            let mut buffer = String::new();
            for save in 0..SAVES {
                writeln!(buffer, "{save}").unwrap();
                let saved = scratch.path().join("saved");
                fs::write(&saved, &buffer).unwrap();
                fs::rename(&saved, &path).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let before = fs::read(&path).unwrap();
            let mut after = before.clone();
            after.extend_from_slice(b"# the program was here\n");
            replace(&path, &before, &after).unwrap();
        }
    });
    let text = fs::read_to_string(&path).unwrap();
    let saved = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(saved, SAVES, "{text}");
}

#[test]
fn what_others_may_write_is_refused_with_the_command_that_closes_it() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(&scratch.path().join("state"));
    let chmod =
        |path: &Path, mode: u32| fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let check = || check_owned(&home, &Gate::default());
    assert_eq!(check(), Ok(()), "nothing is there yet");
    home.ensure().unwrap();
    fs::write(home.admin_key(), "key").unwrap();
    fs::write(home.config(), "").unwrap();
    chmod(&home.admin_key(), FILE_MODE);
    chmod(&home.config(), 0o664);
    for (mode, refused) in [(0o700, false), (0o770, true), (0o777, true), (0o702, true), (0o1777, true)] {
        chmod(home.dir(), mode);
        assert_eq!(check().is_err(), refused, "{mode:o}");
    }
    let fault = check().unwrap_err();
    assert_eq!(fault.hint, Some(format!("take that from them: chmod go-w '{}'", home.dir().display())));
    chmod(home.dir(), 0o755);
    assert!(check().unwrap_err().message.contains("config.yaml"), "others reach it");
    chmod(home.dir(), 0o700);
    chmod(&home.admin_key(), 0o620);
    assert!(check().unwrap_err().message.contains("admin-key"));
}
