use super::*;

#[test]
fn following_survives_rotation_and_half_lines() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("log");
    fs::write(&path, "one\ntwo\nthree\n").unwrap();
    let (last, mut at) = tail(&path, 2).unwrap();
    assert_eq!(last, ["two", "three"]);
    fs::write(&path, "one\ntwo\nthree\nfour\nhal").unwrap();
    assert_eq!(added(&path, &mut at).unwrap(), ["four"]);
    fs::write(&path, "one\ntwo\nthree\nfour\nhalf\n").unwrap();
    assert_eq!(added(&path, &mut at).unwrap(), ["half"]);
    fs::rename(&path, scratch.path().join("log.1")).unwrap();
    assert!(added(&path, &mut at).unwrap().is_empty());
    fs::write(&path, "new\n").unwrap();
    assert_eq!(added(&path, &mut at).unwrap(), ["new"]);
}
