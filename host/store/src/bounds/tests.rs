use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use super::*;

#[test]
fn every_column_with_text_has_its_bound() {
    let database = Connection::open_in_memory().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
    let mut files: Vec<_> = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        database.execute_batch(&fs_err::read_to_string(file).unwrap()).unwrap();
    }
    let mut statement = database
        .prepare(
            "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p
             WHERE m.type = 'table' AND p.type = 'TEXT'",
        )
        .unwrap();
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let (table, column) = row.unwrap();
        there.entry(table).or_default().push(column);
    }
    let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, columns) in TEXTS {
        assert!(columns.iter().all(|(_, bytes)| (1..=TURN).contains(bytes)), "{table}");
        listed.insert((*table).to_owned(), columns.iter().map(|(column, _)| (*column).to_owned()).collect());
    }
    for columns in there.values_mut().chain(listed.values_mut()) {
        columns.sort();
    }
    assert_eq!(there, listed);
}

#[test]
fn a_text_is_cut_within_no_character_and_says_so() {
    assert_eq!(cut("short".into(), 8), "short");
    assert_eq!(cut("a long one".into(), 8), "a lon…");
    assert_eq!(cut("äääää".into(), 8), "ää…");
}
