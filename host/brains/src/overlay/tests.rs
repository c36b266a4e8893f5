use proptest::prelude::*;
use serde_json::json;

use super::*;

const FILE: &str = "\
# kept by hand
rate_limit_per_minute: 10 # a minute

models:
  # the small one
  cheap:   {provider: a,   model: x}
  strong:
    provider: b   # with a reason
    model: \"y\"

    # ends the tier
routes: {bug: strong}
# the end
";

#[track_caller]
fn check(path: &str, value: impl Into<Option<Value>>, from: &str, to: &str) {
    let parts: Vec<&str> = path.split('.').collect();
    let edited = edit(FILE, &parts, value.into().as_ref()).unwrap();
    assert_eq!(edited, FILE.replacen(from, to, 1));
    assert!(from.is_empty() || edited != FILE);
}

#[test]
fn only_the_edited_key_changes() {
    check("rate_limit_per_minute", Some(json!(20)), ": 10 # a", ": 20 # a");
    check("rate_limit_per_minute", None, "rate_limit_per_minute: 10 # a minute\n", "");
    check("models.strong.provider", Some(json!("c")), "provider: b   # with", "provider: c # with");
    check("models.strong.model", Some(json!("z")), "model: \"y\"", "model: z");
    check("models.strong.model", None, "    model: \"y\"\n", "");
    check("models.strong", None, "  strong:\n    provider: b   # with a reason\n    model: \"y\"\n", "");
    check(
        "models.cheap.model",
        Some(json!("z")),
        "  cheap:   {provider: a,   model: x}\n",
        "  cheap:\n    provider: a\n    model: z\n",
    );
    check(
        "models.deep.model",
        Some(json!("d")),
        "    model: \"y\"\n",
        "    model: \"y\"\n  deep:\n    model: d\n",
    );
    check(
        "gateway_preamble",
        Some(json!("two\nlines")),
        "routes: {bug: strong}\n",
        "routes: {bug: strong}\ngateway_preamble: |-\n  two\n  lines\n",
    );
    check("models.absent.model", None, "", "");
    check("routes.bug", None, "routes: {bug: strong}\n", "");
}

#[test]
fn an_empty_file_takes_its_first_key() {
    let one = edit("# only a comment\n", &["a", "b"], Some(&json!(1))).unwrap();
    assert_eq!(one, "# only a comment\na:\n  b: 1\n");
    assert_eq!(edit(&one, &["a", "b"], None).unwrap(), "# only a comment\n");
    assert_eq!(edit("", &["a"], Some(&json!([1, 2]))).unwrap(), "a:\n- 1\n- 2\n");
    assert_eq!(edit("a: 1", &["b"], Some(&json!(2))).unwrap(), "a: 1\nb: 2\n");
}

#[test]
fn lists_are_edited_by_place() {
    let text = "x: 1 # one\nhooks:\n- component: a\n- component: b # second\n";
    let edited = edit(text, &["hooks", "1", "component"], Some(&json!("c"))).unwrap();
    assert_eq!(edited, "x: 1 # one\nhooks:\n- component: a\n- component: c\n");
    assert!(edit(text, &["hooks", "7", "component"], Some(&json!("c"))).is_err());
}

#[test]
fn a_quoted_part_may_hold_dots() {
    assert_eq!(parts("models.\"v1.5\".model"), ["models", "v1.5", "model"]);
    assert_eq!(parts(""), [""]);
}

#[test]
fn what_is_not_a_mapping_is_refused() {
    assert!(edit("- a\n", &["b"], Some(&json!(1))).is_err());
    assert!(edit("a: [\n", &["b"], Some(&json!(1))).is_err());
    assert!(edit("a: 1\n", &["a", "b"], Some(&json!(1))).is_err());
    assert!(edit("a: 1\n", &["a", ""], Some(&json!(1))).is_err());
}

/// A block document and, for each of its leaves, its path and the number of its line.
fn documents() -> impl Strategy<Value = (String, Vec<(Vec<String>, usize)>)> {
    let comment = prop_oneof![Just(""), Just(" # why"), Just("   #x: 1")];
    let filler = prop_oneof![Just(""), Just("\n"), Just("# a: 1\n"), Just("  # b\n")];
    let leaf = (0..1000_u32, comment);
    let group = proptest::collection::vec((leaf, filler.clone()), 1..4);
    proptest::collection::vec((group, filler, 1..5_usize), 1..6).prop_map(|groups| {
        let (mut text, mut leaves) = (String::new(), Vec::new());
        for (top, (members, filler, indent)) in groups.iter().enumerate() {
            text.push_str(filler);
            text += &["top", &top.to_string(), ":\n"].concat();
            for (at, ((value, comment), filler)) in members.iter().enumerate() {
                text.push_str(filler);
                leaves.push((vec![format!("top{top}"), format!("leaf{at}")], text.lines().count()));
                text += &[" ".repeat(*indent), format!("leaf{at}: {value}{comment}\n")].concat();
            }
        }
        (text, leaves)
    })
}

proptest! {
    #[test]
    fn untouched_lines_stay_byte_for_byte((text, leaves) in documents(), pick: prop::sample::Index, value: i32, remove: bool) {
        let (path, line) = pick.get(&leaves);
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let value = json!(value);
        let edited = edit(&text, &parts, (!remove).then_some(&value)).unwrap();
        let siblings = leaves.iter().filter(|(other, _)| other[0] == path[0]).count();
        let before: Vec<&str> = text.lines().collect();
        let after: Vec<&str> = edited.lines().collect();
        if !remove {
            prop_assert_eq!(before.len(), after.len());
            for (at, (old, new)) in before.iter().zip(&after).enumerate() {
                prop_assert!(at == *line || old == new);
            }
        } else if siblings > 1 {
            let kept: Vec<&str> = before.iter().enumerate().filter(|(at, _)| at != line).map(|(_, line)| *line).collect();
            prop_assert_eq!(kept, after);
        } else {
            for line in before.iter().filter(|line| line.contains("leaf") && !line.starts_with(' ')) {
                prop_assert!(after.contains(line));
            }
        }
    }

    #[test]
    fn any_value_is_written_so_that_it_reads_the_same(text in "[ -~\n]{0,40}", number: i64, flag: bool) {
        for value in [json!(text), json!(number), json!(flag), json!({"a": [text, {"b": number}]})] {
            let edited = edit(FILE, &["models", "strong", "model"], Some(&value)).unwrap();
            prop_assert_eq!(&read(&edited).unwrap()["models"]["strong"]["model"], &value);
            prop_assert!(edited.starts_with("# kept by hand\nrate_limit_per_minute: 10 # a minute\n"));
            prop_assert!(edited.ends_with("# the end\n"));
        }
    }
}
