use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> Result<Value, DocumentError> {
    parse(text, Aliases::Counted)
}

#[test]
fn reads_what_people_write() {
    let text = "# comment\na: 1\nb: [x, 'y', \"z\\n\"]\nc: {d: true, e: ~}\nf: |\n  two\n  lines\ng: 1.5\nh: 007\ni: 2026-01-01\n";
    assert_eq!(
        read(text).unwrap(),
        json!({
            "a": 1, "b": ["x", "y", "z\n"], "c": { "d": true, "e": null }, "f": "two\nlines\n", "g": 1.5,
            "h": "007", "i": "2026-01-01",
        })
    );
    assert_eq!(read("").unwrap(), Value::Null);
    assert_eq!(read("# nothing\n").unwrap(), Value::Null);
    assert_eq!(
        read("{\"a\": [1, -2, 3.0e1], \"b\": \"\\u00e9\"}").unwrap(),
        json!({"a": [1, -2, 30.0], "b": "é"})
    );
    assert_eq!(
        read("a: ${ENV:X}\nb: no\nc: !!str 5\n1: x\n").unwrap(),
        json!({"a": "${ENV:X}", "b": "no", "c": "5", "1": "x"})
    );
    assert_eq!(read("a: &x {b: 1}\nc: *x\n").unwrap(), json!({"a": {"b": 1}, "c": {"b": 1}}));
}

#[test]
fn says_where_and_what_kind_but_never_what() {
    for text in [
        "a: SECRET\n  b: SECRET",
        "a: [SECRET",
        "SECRET: 1\nSECRET: 2",
        "a: !SECRET x",
        "a: !!int SECRET",
        "a: *SECRET",
        "? {SECRET: 1}\n: x",
        "a: \"\\SECRET\"",
        "%SECRET\n",
        "---\na: SECRET\n---\nb: SECRET\n",
        "@SECRET",
        "a: .inf",
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(!error.contains("SECRET"), "{text:?}: {error}");
        assert!(error.contains("line "), "{text:?}: {error}");
    }
}

#[test]
fn a_type_that_does_not_fit_is_told_without_its_value() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the error is looked at")]
    struct Wanted {
        name: bool,
        #[serde(default)]
        kind: Option<Part>,
    }
    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Part {
        One,
        Two,
    }
    for (text, told) in [
        ("name: 'x, expected SECRET'", "`name`: expected a boolean"),
        ("SECRET: 1", "a key that is not known"),
        ("name: true\nkind: SECRET", "`kind`: expected `one` or `two`"),
        ("SECRET", "expected struct Wanted"),
        ("kind: one", "missing field `name`"),
        ("name: &a true", "an anchor"),
    ] {
        let error = parse_as::<Wanted>(text).unwrap_err().to_string();
        assert!(error.contains(told), "{text:?}: {error}");
        assert!(!error.contains("SECRET") || text.starts_with("SECRET:"), "{text:?}: {error}");
    }
}

#[test]
fn what_would_grow_or_nest_without_end_is_refused_early() {
    let bomb = {
        let mut text = "a0: &a0 xxxxxxxxxx\n".to_owned();
        for level in 1..40 {
            let below = format!("*a{}", level - 1);
            let items = vec![below; 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        text
    };
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 20_000].join(", "));
    let cases = [
        ("larger", "a: ".to_owned() + &"x".repeat(DOCUMENT_BYTES)),
        ("flow lists", "[".repeat(100_000)),
        ("flow maps", "{a: ".repeat(50_000)),
        ("mixed", "[{a: ".repeat(30_000)),
        ("dashes", "- ".repeat(90_000)),
        ("questions", "? ".repeat(90_000)),
        ("marks", "[],".repeat(100_000)),
        ("nodes", format!("[{}]", "1,".repeat(90_000))),
        ("block", (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
        ("bomb", bomb),
        ("long", long),
        ("itself", "a: &a [*a]".to_owned()),
    ];
    for (what, text) in cases {
        assert!(read(&text).is_err(), "{what}");
    }
    assert!(
        read(&"[".repeat(DEPTH - 1).chars().chain("]".repeat(DEPTH - 1).chars()).collect::<String>()).is_ok()
    );
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e9..1.0e9).prop_map(|number: f64| Value::from(number)),
        ".*".prop_map(Value::from),
        "[0-9.eExobn~+-]{1,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z0-9~. ]{0,6}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(tree in tree()) {
        prop_assert_eq!(read(&render(&tree).unwrap()).unwrap(), tree.clone());
        prop_assert_eq!(read(&tree.to_string()).unwrap(), tree);
    }

    #[test]
    fn nothing_makes_it_panic(text in "[\\[\\]{}:,?\\- \n\t&*!|>'\"%@`#a1.~<]{0,60}") {
        let _outcome = read(&text);
    }
}
