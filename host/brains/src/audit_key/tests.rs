use std::os::unix::fs::PermissionsExt as _;

use brains_core::plane::audit::GENESIS;

use fs_err as fs;

use super::*;
use crate::ambient::SystemAmbient;

fn anchors(path: &Path) -> Result<Vec<Seal>, Fault> {
    let path = path.to_owned();
    Gate::default().wait(GateTarget::of(&path.clone()), move |visit| read_anchors(visit, &path)).unwrap()
}

#[test]
fn many_processes_make_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    let ambient = SystemAmbient::new();
    let keys: Vec<String> = std::thread::scope(|scope| {
        let made: Vec<_> =
            (0..16).map(|_| scope.spawn(|| ensure(&home, &ambient, &Gate::default()).unwrap())).collect();
        made.into_iter().map(|made| made.join().unwrap().public().to_owned()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let mode = fs::metadata(home.audit_key()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, home::FILE_MODE);
}

#[test]
fn space_around_the_key_is_no_part_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    let key = ensure(&home, &SystemAmbient::new(), &Gate::default()).unwrap();
    let text = fs::read_to_string(home.audit_key()).unwrap();
    fs::write(home.audit_key(), format!("\u{20}\n\t{}\r\n\n", text.trim())).unwrap();
    assert_eq!(ensure(&home, &SystemAmbient::new(), &Gate::default()).unwrap().public(), key.public());
    for broken in ["", "   \n", "not a key", text.get(2..).unwrap()] {
        fs::write(home.audit_key(), broken).unwrap();
        assert!(
            ensure(&home, &SystemAmbient::new(), &Gate::default()).unwrap_err().hint.is_some(),
            "{broken}"
        );
        assert_eq!(fs::read_to_string(home.audit_key()).unwrap(), broken, "a broken key is not replaced");
    }
}

#[test]
fn anchors_are_kept_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit-anchors");
    assert_eq!(anchors(&path).unwrap(), []);
    let seal = SealingKey::from_seed(&[3; 32]).seal("global", 4, GENESIS, 5);
    write_anchors(&path, std::slice::from_ref(&seal)).unwrap();
    assert_eq!(anchors(&path).unwrap(), [seal]);
    fs::write(&path, "[{").unwrap();
    assert!(anchors(&path).unwrap_err().hint.is_some());
}
