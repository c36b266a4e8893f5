//! The record of kinds of faults names tests that are there: a test that goes leaves no kind unheld.

use std::path::PathBuf;

use super::{read, root};

const RECORD: &str = "docs/decisions/0023-kinds-of-faults-and-their-tests.md";

/// What stands between backticks in a row and looks like a test: `room::module::test`.
fn tests(text: &str) -> Vec<&str> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let words = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    words.filter(|word| word.contains("::")).collect()
}

/// The file in which a test stands: its modules are folders and files, the last one of which may stand in its parent's.
fn file(test: &str) -> Option<PathBuf> {
    let mut modules: Vec<&str> = test.split("::").collect();
    let name = modules.pop()?;
    let room = modules.remove(0);
    let folders = [
        format!("tests/{room}"),
        format!("host/{room}/src"),
        format!("host/{room}/tests"),
        format!("plugins/{}/src", room.replace('_', "-")),
    ];
    let told = format!("fn {name}(");
    let paths = |modules: &[&str]| {
        let path = if modules.is_empty() { "lib".to_owned() } else { modules.join("/") };
        folders.each_ref().map(|folder| root().join(folder).join(format!("{path}.rs")))
    };
    let parent = modules.split_last().map_or(&[][..], |(_, parent)| parent);
    let mut places = paths(&modules).into_iter().chain(paths(parent));
    places.find(|path| path.exists() && read(path).contains(&told))
}

#[test]
fn every_kind_of_fault_has_tests_that_are_there() {
    let record = read(&root().join(RECORD));
    let named = tests(&record);
    assert!(named.len() > 100, "{} tests", named.len());
    let gone: Vec<&str> = named.into_iter().filter(|test| file(test).is_none()).collect();
    assert!(gone.is_empty(), "{RECORD} names tests that are not there: {gone:#?}");
    for row in record.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Kind ")) {
        assert!(row.contains('`') && !tests(row).is_empty(), "no test: {row}");
    }
}
