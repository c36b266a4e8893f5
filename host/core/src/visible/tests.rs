use super::*;

#[test]
fn what_shows_nothing_is_blank() {
    for blank in [
        "",
        " \t\n",
        "\u{200b}",
        "\u{200b}\u{200d}\u{feff}",
        "\u{202e}",
        "\u{3164}",
        "\u{2800} ",
        "\u{e0041}",
    ] {
        assert!(is_blank(blank), "{blank:?}");
    }
    for said in ["a", "\u{200b}a", "é", "日本", "👩\u{200d}💻", "-", "\u{fffd}"] {
        assert!(!is_blank(said), "{said:?}");
    }
}

#[test]
fn overrides_and_isolates_turn_text_and_marks_do_not() {
    assert!(turns_text('\u{202e}') && turns_text('\u{2066}') && !turns_text('\u{200f}') && !turns_text('a'));
}
