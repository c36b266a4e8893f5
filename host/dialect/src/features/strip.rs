//! Agents put blocks of their own into user turns: reminders, the state of the workspace, instruction files.
//! They are not what the person asked for.

use std::borrow::Cow;

const TAGS: [&str; 16] = [
    "system-reminder",
    "system_reminder",
    "environment_context",
    "environment_details",
    "user_instructions",
    "user_info",
    "INSTRUCTIONS",
    "permissions",
    "skills_instructions",
    "ide_selection",
    "ide_opened_file",
    "ide_context",
    "editor_context",
    "attachments_context",
    "local-command-caveat",
    "local-command-stdout",
];

/// A heading that some agents put before an instruction file in a block.
const HEADING: &str = "# AGENTS.md instructions";

/// The text without whole blocks of the known tags. An opening tag that is never closed stays.
pub(crate) fn injected(text: &str) -> Cow<'_, str> {
    let there = opened(text);
    if there.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = text.to_owned();
    for tag in there {
        let close = format!("</{tag}>");
        let mut from = 0;
        while let Some(start) = out.get(from..).and_then(|rest| find_open(rest, tag)).map(|at| from + at) {
            let Some(end) =
                out.get(start..).and_then(|rest| rest.find(&close)).map(|at| start + at + close.len())
            else {
                break;
            };
            let before = out.get(..start).unwrap_or_default();
            let start = match before.rfind(HEADING) {
                Some(heading) if !before.get(heading..).unwrap_or_default().trim_end().contains('\n') => {
                    heading
                }
                Some(_) | None => start,
            };
            out.replace_range(start..end, "");
            from = start;
        }
    }
    Cow::Owned(out)
}

/// The known tags that open somewhere, in the order of the list: one pass, however long the text is.
fn opened(text: &str) -> Vec<&'static str> {
    let mut there = [false; TAGS.len()];
    for (at, _) in text.match_indices('<') {
        let rest = text.get(at + 1..).unwrap_or_default();
        for (tag, there) in TAGS.iter().zip(&mut there) {
            *there |= opens(rest, tag);
        }
    }
    TAGS.into_iter().zip(there).filter_map(|(tag, there)| there.then_some(tag)).collect()
}

/// Whether what follows a `<` is `tag>` or `tag …>`.
fn opens(rest: &str, tag: &str) -> bool {
    rest.strip_prefix(tag).is_some_and(|rest| rest.starts_with(['>', ' ', '\n']))
}

/// Where `<tag>` or `<tag …>` opens.
fn find_open(text: &str, tag: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find('<').map(|at| from + at) {
        if opens(text.get(at + 1..)?, tag) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
