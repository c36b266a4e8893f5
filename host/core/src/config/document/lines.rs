//! Where something stands in a document: only asked when there is something wrong with it.

use saphyr_parser::{Event, Parser, Span, StrInput};

/// The line, from 1, of the key or entry at `path`, or of as much of the path as the text has; none when it has nothing of
/// it, or cannot be read.
pub fn line_of(text: &str, path: &[String]) -> Option<usize> {
    let mut events: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    let mut search = Search { path, open: Vec::new(), line: None, found: false };
    while let Some(event) = events.next_event() {
        let Ok((event, span)) = event else { break };
        match event {
            Event::Scalar(text, ..) => search.scalar(&text, &span),
            Event::Alias(_) => drop(search.value(&span)),
            Event::MappingStart(..) => search.begin(true, &span),
            Event::SequenceStart(..) => search.begin(false, &span),
            Event::MappingEnd | Event::SequenceEnd => drop(search.open.pop()),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        if search.found {
            break;
        }
    }
    search.line
}

struct Search<'a> {
    path: &'a [String],
    open: Vec<Container>,
    /// Of the longest beginning of the path so far.
    line: Option<usize>,
    found: bool,
}

struct Container {
    is_map: bool,
    /// How many parts of the path lead here; none when it lies beside the path.
    depth: Option<usize>,
    /// In a map, whether a key came whose value has not; and whether that is the path's.
    key: Option<bool>,
    /// In a list, how many entries came.
    entries: usize,
}

impl Search<'_> {
    fn scalar(&mut self, text: &str, span: &Span) {
        let wanted = |depth: Option<usize>| depth.and_then(|depth| self.path.get(depth));
        match self.open.last_mut() {
            Some(Container { is_map: true, depth, key: key @ None, .. }) => {
                let hit = wanted(*depth).is_some_and(|part| part == text);
                *key = Some(hit);
                if let (true, Some(depth)) = (hit, *depth) {
                    self.hit(depth, span);
                }
            }
            _ => drop(self.value(span)),
        }
    }

    /// A value is there; tells how many parts of the path lead to it, when it lies on it.
    fn value(&mut self, span: &Span) -> Option<usize> {
        let Some(container) = self.open.last_mut() else { return Some(0) };
        let depth = container.depth?;
        if container.is_map {
            return container.key.take().filter(|hit| *hit).map(|_| depth + 1);
        }
        let at = container.entries;
        container.entries += 1;
        let hit = self.path.get(depth).is_some_and(|part| *part == at.to_string());
        hit.then(|| {
            self.hit(depth, span);
            depth + 1
        })
    }

    fn begin(&mut self, is_map: bool, span: &Span) {
        // A map's key is taken by its value wherever it lies.
        let depth = match self.open.last_mut() {
            Some(beside) if beside.depth.is_none() => {
                beside.key = None;
                None
            }
            _ => self.value(span),
        };
        self.open.push(Container { is_map, depth, key: None, entries: 0 });
    }

    fn hit(&mut self, depth: usize, span: &Span) {
        self.line = Some(span.start.line());
        self.found = depth + 1 == self.path.len();
    }
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[track_caller]
    fn check(path: &str, expected: Option<usize>) {
        let text = "# mine\nport: 1\nproviders:\n  acme:\n    secrets: {api_key: x}\n    models:\n      - a\n      - {name: b}\nroutes: {a: b,\n  c: d}\n";
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        assert_eq!(line_of(text, &path), expected, "{path:?}");
    }

    #[test]
    fn the_line_is_that_of_the_key_or_of_what_it_would_stand_in() {
        check("port", Some(2));
        check("providers.acme", Some(4));
        check("providers.acme.secrets.api_key", Some(5));
        check("providers.acme.models.1.name", Some(8));
        check("providers.acme.config.base_url", Some(4));
        check("routes.c", Some(10));
        check("nowhere", None);
        assert_eq!(line_of("a: [", &["a".to_owned()]), Some(1));
        assert_eq!(line_of("- x\n- y\n", &["1".to_owned()]), Some(2));
    }
}
