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

#[test]
fn people_read_a_line_as_text_and_programs_as_it_is_kept() {
    let line = r#"{"timestamp":"2026-11-24T01:55:24.903123Z","level":"WARN","message":"it\u001b[2J broke","target":"brains","attempt":2}"#;
    assert_eq!(in_form(line, Form::Json), line);
    assert_eq!(in_form(line, Form::Table), "2026-11-24 01:55:24  WARN it\u{fffd}[2J broke attempt=2");
    assert_eq!(in_form("no JSON", Form::Table), "no JSON");
}
