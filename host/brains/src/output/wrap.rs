//! Lines of words. A word never breaks, and what stands between backticks is one word: it is copied as a whole.

use unicode_width::UnicodeWidthStr as _;

/// `text` behind `first`, in lines no longer than `width` where its words allow it; later lines begin with as many blanks.
pub(crate) fn wrapped(first: &str, text: &str, width: usize) -> String {
    let indent = first.width();
    let mut out = String::new();
    for (number, line) in text.lines().enumerate() {
        out.push_str(&if number == 0 { first.to_owned() } else { " ".repeat(indent) });
        if indent.saturating_add(line.width()) <= width {
            out.extend([line, "\n"]);
            continue;
        }
        let mut at = indent;
        for word in split_words(line) {
            let needed = word.width();
            if at > indent && at + 1 + needed > width {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                at = indent;
            } else if at > indent {
                out.push(' ');
                at += 1;
            }
            out.push_str(word);
            at += needed;
        }
        out.push('\n');
    }
    if out.is_empty() {
        out = first.trim_end().to_owned() + "\n";
    }
    out
}

/// The words of a line.
fn split_words(line: &str) -> Vec<&str> {
    let (mut words, mut begin, mut quoted) = (Vec::new(), None, false);
    for (at, symbol) in line.char_indices() {
        if symbol == '`' {
            quoted = !quoted;
        }
        match (symbol == ' ' && !quoted, begin) {
            (true, Some(from)) => {
                words.extend(line.get(from..at));
                begin = None;
            }
            (false, None) => begin = Some(at),
            (true, None) | (false, Some(_)) => {}
        }
    }
    // A backtick that has no other ends nothing.
    match begin.and_then(|from| line.get(from..)) {
        Some(rest) if quoted => words.extend(rest.split(' ').filter(|word| !word.is_empty())),
        Some(rest) => words.push(rest),
        None => {}
    }
    words
}
