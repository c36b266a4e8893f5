use super::*;
use crate::time::tests::Still;

fn focus(task: Option<&str>, paths: &[&str]) -> FocusRecord {
    let ambient = Still::at(0);
    FocusRecord {
        session: Id::mint(&ambient),
        workspace: Id::mint(&ambient),
        intent: None,
        task: task.map(str::to_owned),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        since: Millis(0),
        expires_at: Millis(1),
    }
}

#[test]
fn foci_meet_in_a_task_or_a_path() {
    let mine = focus(Some("SHOP-1"), &["src/**", "docs/a.md"]);
    assert_eq!(mine.overlap(&focus(None, &["tests"])), None);
    assert_eq!(mine.overlap(&focus(Some("SHOP-2"), &[])), None);
    let met = mine.overlap(&focus(Some("SHOP-1"), &["src/cart.rs"])).unwrap();
    assert_eq!((met.task.as_deref(), met.paths), (Some("SHOP-1"), vec!["src/**".to_owned()]));
}

#[test]
fn paths_are_normal_and_counted() {
    let paths =
        |paths: &[&str]| check_paths(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>(), None);
    assert_eq!(paths(&["./src//a.rs", "src/a.rs"]).unwrap(), ["src/a.rs"]);
    assert_eq!(paths(&["../x"]).unwrap_err().param.as_deref(), Some("paths"));
    assert!(paths(&["a"; 65]).is_err());
}
