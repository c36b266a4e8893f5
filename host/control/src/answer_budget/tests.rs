//! Answers that are too long for whoever reads them.

use super::*;

fn rows(count: usize, bytes: usize) -> Vec<Value> {
    (0..count).map(|at| json!({ "id": at, "text": "x".repeat(bytes) })).collect()
}

fn budget(bytes: usize) -> AnswerBudget {
    AnswerBudget { bytes, begin: 0 }
}

#[test]
fn a_page_ends_where_its_room_does_and_has_a_row() {
    let name = |row: &Value| row["id"].to_string();
    let mut page = rows(11, 10);
    assert_eq!(budget(DEFAULT_BYTES).cut(&mut page, 10, name).as_deref(), Some("9"), "more than the limit");
    assert_eq!(page.len(), 10);
    let mut page = rows(10, 10);
    assert_eq!(budget(DEFAULT_BYTES).cut(&mut page, 10, name), None);
    let mut page = rows(10, 4_000);
    assert_eq!(budget(DEFAULT_BYTES).cut(&mut page, 10, name).as_deref(), Some("2"));
    assert!(size(&page) <= DEFAULT_BYTES);
    let mut page = rows(2, 60_000);
    assert_eq!(
        budget(DEFAULT_BYTES).cut(&mut page, 10, name).as_deref(),
        Some("0"),
        "a row that has no room is whole"
    );
    let mut none: Vec<Value> = Vec::new();
    assert_eq!(budget(DEFAULT_BYTES).cut(&mut none, 10, name), None);
}

#[test]
fn what_lists_everything_at_once_gets_pages() {
    let lists = AnswerLists::Whole("rows");
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut input = Map::from_iter([("cursor".to_owned(), cursor)]);
        let budget = lists.open(&mut input, CallSurface::Http).unwrap();
        let mut answer = json!({ "rows": rows(50, 2_000) });
        lists.bound(&mut answer, budget);
        assert!(size(&answer) <= DEFAULT_BYTES, "{}", size(&answer));
        seen.extend(answer["rows"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()));
        cursor = answer["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
}

#[test]
fn several_lists_give_up_the_ends_of_the_longest() {
    let mut answer = json!({ "name": "n", "few": rows(2, 10), "many": rows(500, 100), "none": [] });
    AnswerLists::Several.bound(&mut answer, budget(DEFAULT_BYTES));
    assert!(size(&answer) <= DEFAULT_BYTES, "{}", size(&answer));
    assert_eq!(answer["few"].as_array().unwrap().len(), 2);
    let kept = answer["many"].as_array().unwrap().len();
    assert!(kept > 80, "{kept}");
    assert_eq!(answer["left_off"], json!({ "many": 500 - kept }));
    let mut small = json!({ "few": rows(2, 10) });
    AnswerLists::Several.bound(&mut small, budget(DEFAULT_BYTES));
    assert_eq!(small.get("left_off"), None);
}

#[test]
fn a_call_says_how_much_it_wants() {
    let open = |value: Value, surface| {
        AnswerLists::Paged
            .open(&mut Map::from_iter([(MAX_BYTES.to_owned(), value)]), surface)
            .map(|budget| budget.bytes)
    };
    assert_eq!(open(json!(5_000), CallSurface::Http).unwrap(), 5_000);
    assert_eq!(open(json!(5_000.0), CallSurface::Mcp).unwrap(), 5_000);
    assert_eq!(open(Value::Null, CallSurface::Mcp).unwrap(), DEFAULT_BYTES);
    assert_eq!(open(Value::Null, CallSurface::Cli).unwrap(), MOST_BYTES);
    for bad in [json!(0), json!(999), json!(MOST_BYTES + 1), json!(5_000.5), json!("5000"), json!(-1)] {
        assert_eq!(
            open(bad.clone(), CallSurface::Http).unwrap_err().param.as_deref(),
            Some(MAX_BYTES),
            "{bad}"
        );
    }
}
