//! What an answer rests on, in the words that chat completions have for it: sources that it repeats, and pages that a search
//! gave. The vendor counts places in bytes, clients in characters.

use crate::json::{Members, Node, Object};

/// What has been said of each candidate, and what was told of it.
#[derive(Debug, Default)]
pub(super) struct Citations {
    said: Vec<(u32, String)>,
    /// Frames repeat what earlier ones told.
    told: Vec<(u32, String)>,
}

impl Citations {
    pub(super) fn said(&mut self, choice: u32, text: &str) {
        match self.said.iter_mut().find(|(number, _)| *number == choice) {
            Some((_, said)) => said.push_str(text),
            None => self.said.push((choice, text.to_owned())),
        }
    }

    /// The annotations that are new; each of them is one value.
    pub(super) fn read(&mut self, choice: u32, candidate: &mut Object<'_>) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(node) = candidate.optional("citationMetadata").ok().flatten() {
            self.repeated(choice, &node, &mut found);
        }
        if let Some(node) = candidate.optional("groundingMetadata").ok().flatten() {
            self.searched(choice, &node, &mut found);
        }
        found.retain(|value| !self.told.iter().any(|(number, told)| *number == choice && told == value));
        self.told.extend(found.iter().map(|value| (choice, value.clone())));
        found
    }

    /// `citationSources`, each with its place.
    fn repeated(&self, choice: u32, node: &Node<'_>, found: &mut Vec<String>) {
        let Ok(mut object) = node.object() else { return };
        for source in object.array("citationSources").unwrap_or_default() {
            let Ok(mut source) = source.object() else { continue };
            let Some(url) = source.string("uri").ok().flatten() else { continue };
            let place = self.place(choice, &mut source);
            // Clients want a title, and this has none.
            found.push(annotation(place, &url, &url));
        }
    }

    /// `groundingSupports`, each with its place and the numbers of its `groundingChunks`.
    fn searched(&self, choice: u32, node: &Node<'_>, found: &mut Vec<String>) {
        let Ok(mut object) = node.object() else { return };
        let chunks = object.array("groundingChunks").unwrap_or_default();
        for support in object.array("groundingSupports").unwrap_or_default() {
            let Ok(mut support) = support.object() else { continue };
            let segment = support.optional("segment").ok().flatten().and_then(|node| node.object().ok());
            let Some(mut segment) = segment else { continue };
            let place = self.place(choice, &mut segment);
            for number in support.array("groundingChunkIndices").unwrap_or_default() {
                let number = number.unsigned().ok().and_then(|number| usize::try_from(number).ok());
                let Some((url, title)) = number.and_then(|at| page(chunks.get(at)?)) else { continue };
                found.push(annotation(place, &url, title.as_deref().unwrap_or(&url)));
            }
        }
    }

    /// The characters between two places that are counted in bytes.
    fn place(&self, choice: u32, object: &mut Object<'_>) -> (usize, usize) {
        let said = self.said.iter().find(|(number, _)| *number == choice);
        let said = said.map_or("", |(_, said)| said.as_str());
        let mut at = |name: &str| {
            let byte = object.optional(name).ok().flatten().map_or(0, |node| node.count());
            let byte = usize::try_from(byte).unwrap_or(usize::MAX);
            said.char_indices().take_while(|(at, _)| *at < byte).count()
        };
        (at("startIndex"), at("endIndex"))
    }
}

/// The address of a page, and its title.
fn page(chunk: &Node<'_>) -> Option<(String, Option<String>)> {
    let mut page = chunk.object().ok()?.optional("web").ok()??.object().ok()?;
    Some((page.string("uri").ok()??, page.string("title").ok().flatten()))
}

fn annotation((start, end): (usize, usize), url: &str, title: &str) -> String {
    let (mut inner, mut out) = (Members::new(), Members::new());
    inner.plain("start_index", start).plain("end_index", end).string("url", url).string("title", title);
    out.string("type", "url_citation").raw("url_citation", &inner.finish());
    format!("{{\"annotations\":[{}]}}", out.finish())
}
