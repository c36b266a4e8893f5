//! What a component asks to be changed in a body, at whatever depth: paths are walked once over the text, objects that an
//! edit reaches are changed in place, and every byte that none names stays.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::{Envelope, Splice, SpliceError};
use crate::canon::relay::{Condition, Edit, MembersAt};
use crate::json::{self, JsonKind, Node, Reader, quote};
use crate::translation::{Losses, asks_nothing, loss_name};

/// Every entry of an array.
const EACH: &str = "[]";

/// What the edits took from the client and gave of their own accord.
#[derive(Debug, Default)]
pub struct Edited {
    losses: Option<Losses>,
    /// Paths of what was added, and of what would be given up.
    added: Vec<String>,
    /// Paths of what the upstream refused before and does not get.
    withheld: Vec<String>,
}

impl Edited {
    /// What the client said and the upstream does not get.
    pub fn losses(&self) -> &[String] {
        self.losses.as_ref().map_or(&[], Losses::names)
    }

    /// Paths of what stands in the body although the client did not ask for it, or need not stand there: what may be
    /// withheld when the upstream refuses it by name.
    pub fn added(&self) -> &[String] {
        &self.added
    }

    /// What of it the upstream refused before, and so does not get.
    pub fn withheld(&self) -> &[String] {
        &self.withheld
    }

    pub(crate) fn lose(&mut self, place: &str) {
        self.losses.get_or_insert_with(Losses::names_only).name(loss_name(place));
    }

    /// Whether a member may be added of our own accord: it is noted, or that the upstream refused it before.
    pub(crate) fn offer(&mut self, path: &str, withheld: &[String]) -> bool {
        if withheld.iter().any(|refused| refused == path) {
            self.withheld.push(path.to_owned());
            return false;
        }
        self.add(path);
        true
    }

    fn add(&mut self, place: &str) {
        if !self.added.iter().any(|known| known == place) {
            self.added.push(place.to_owned());
        }
    }
}

/// An edit on its way to the objects that it changes.
#[derive(Debug, Clone)]
struct Step<'e> {
    /// Of the path to the object, what is still before it.
    rest: Vec<&'e str>,
    change: Change<'e>,
}

#[derive(Debug, Clone, Copy)]
enum Change<'e> {
    Set { name: &'e str, value: &'e str },
    Add { name: &'e str, value: &'e str, path: &'e str },
    Remove(&'e MembersAt),
    GiveUp(&'e MembersAt),
    Keep(&'e MembersAt),
    Rename { name: &'e str, new: &'e str },
    Replace { name: &'e str, old: &'e str, new: &'e str },
}

/// Applies the edits to the top of a body and to what is inside of it. `withheld` are paths that the upstream refused before.
pub(super) fn apply<'e>(
    splice: &mut Splice<'e, '_>,
    edits: &'e [Edit],
    withheld: &[String],
) -> Result<Edited, SpliceError> {
    let mut edited = Edited::default();
    let steps: Vec<Step<'e>> = edits.iter().map(step).collect();
    Walk { withheld, prune: false, edited: &mut edited }.object(splice, &steps, "")?;
    Ok(edited)
}

fn step(edit: &Edit) -> Step<'_> {
    let (path, change) = match edit {
        Edit::Remove(selection) => return Step::at(&selection.at, Change::Remove(selection)),
        Edit::GiveUp(selection) => return Step::at(&selection.at, Change::GiveUp(selection)),
        Edit::Keep(selection) => return Step::at(&selection.at, Change::Keep(selection)),
        Edit::Set(member) => {
            let (path, name) = last(&member.path);
            (path, Change::Set { name, value: &member.value })
        }
        Edit::Add(member) => {
            let (path, name) = last(&member.path);
            (path, Change::Add { name, value: &member.value, path: &member.path })
        }
        Edit::Rename(renaming) => {
            let (path, name) = last(&renaming.path);
            (path, Change::Rename { name, new: &renaming.name })
        }
        Edit::Replace(replacement) => {
            let (path, name) = last(&replacement.path);
            (path, Change::Replace { name, old: &replacement.old, new: &replacement.new })
        }
    };
    Step::at(path, change)
}

/// The path to an object, and the member of it.
fn last(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

impl<'e> Step<'e> {
    fn at(path: &'e str, change: Change<'e>) -> Self {
        Self { rest: segments(path), change }
    }

    /// Whether a value may hold what the change names; most hold nothing of it, and are not looked into. An escaped name is
    /// one like any other.
    fn may_touch(&self, text: &str) -> bool {
        let holds = |name: &str| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some();
        match self.change {
            Change::Set { .. } | Change::Add { .. } | Change::Keep(_) => true,
            Change::Remove(selection) | Change::GiveUp(selection) => {
                selection.names.iter().any(|name| holds(name)) || holds("\\u")
            }
            Change::Rename { name, .. } | Change::Replace { name, .. } => holds(name) || holds("\\u"),
        }
    }

    /// The same, one step further, when that is where it goes.
    fn into(&self, segment: &str) -> Option<Self> {
        let (first, rest) = self.rest.split_first()?;
        (*first == segment).then(|| Self { rest: rest.to_vec(), change: self.change })
    }
}

/// `a[].b` is `a`, every entry, `b`.
fn segments(path: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let name = part.trim_end_matches(EACH);
        segments.extend((!name.is_empty()).then_some(name));
        segments.extend(std::iter::repeat_n(EACH, (part.len() - name.len()) / EACH.len()));
    }
    segments
}

struct Walk<'w> {
    withheld: &'w [String],
    /// Objects that nothing is left in go with what was in them.
    prune: bool,
    edited: &'w mut Edited,
}

impl Walk<'_> {
    /// Changes one object. `place` is its path without indices, for names of losses.
    fn object<'e>(
        &mut self,
        splice: &mut Splice<'e, '_>,
        steps: &[Step<'e>],
        place: &str,
    ) -> Result<(), SpliceError> {
        for member in splice.envelope().members() {
            let deeper: Vec<Step<'e>> = steps.iter().filter_map(|step| step.into(&member.name)).collect();
            let text = splice.envelope().text().get(member.value.clone()).unwrap_or_default();
            if !deeper.iter().any(|step| step.may_touch(text)) {
                continue;
            }
            let name = member.name.to_string();
            match self.value(text, &deeper, &join(place, &name))? {
                Some(changed) if self.prune && changed.trim() == "{}" => drop(splice.remove(name)?),
                Some(changed) => drop(splice.set_sound(name, changed)?),
                None => {}
            }
        }
        for step in steps {
            match step.rest.as_slice() {
                [] => self.change(splice, step.change, place)?,
                path => self.missing(splice, path, step.change)?,
            }
        }
        Ok(())
    }

    /// A value inside of the body, when something of it changes.
    fn value(&mut self, text: &str, steps: &[Step<'_>], place: &str) -> Result<Option<String>, SpliceError> {
        match Node::root(text).kind()? {
            JsonKind::Object => {
                let envelope = Envelope::scan_text(text)?;
                let mut splice = envelope.splice();
                self.object(&mut splice, steps, place)?;
                Ok(splice.changed().then(|| splice.finish()))
            }
            JsonKind::Array => {
                let deeper: Vec<Step<'_>> = steps.iter().filter_map(|step| step.into(EACH)).collect();
                if deeper.is_empty() { Ok(None) } else { self.array(text, &deeper, place) }
            }
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::String => Ok(None),
        }
    }

    fn array(&mut self, text: &str, steps: &[Step<'_>], place: &str) -> Result<Option<String>, SpliceError> {
        let mut ranges = Vec::new();
        let read = Reader::new(text).array(|reader| {
            let length = reader.skip()?.len();
            ranges.push(reader.offset() - length..reader.offset());
            Ok(())
        });
        read.map_err(|wrong| crate::invalid::Invalid::syntax(text, &wrong))?;
        let (mut out, mut copied) = (String::new(), 0);
        for range in ranges {
            let entry = text.get(range.clone()).unwrap_or_default();
            if let Some(changed) = self.value(entry, steps, place)? {
                out.push_str(text.get(copied..range.start).unwrap_or_default());
                out.push_str(&changed);
                copied = range.end;
            }
        }
        Ok((copied > 0).then(|| {
            out.push_str(text.get(copied..).unwrap_or_default());
            out
        }))
    }

    /// Makes the objects on the way to what is set, where nothing stands.
    fn missing<'e>(
        &mut self,
        splice: &mut Splice<'e, '_>,
        path: &[&'e str],
        change: Change<'e>,
    ) -> Result<(), SpliceError> {
        let (Change::Set { name, value } | Change::Add { name, value, .. }) = change else { return Ok(()) };
        let Some((first, rest)) = path.split_first() else { return Ok(()) };
        let absent = splice.value(first)?.is_none_or(|text| text == "null");
        if !absent || path.contains(&EACH) || !self.wanted(change) {
            return Ok(());
        }
        let inner = rest.iter().rev().fold(object(name, value), |inner, segment| object(segment, &inner));
        splice.set(*first, inner)?;
        self.told(change);
        Ok(())
    }

    fn change<'e>(
        &mut self,
        splice: &mut Splice<'e, '_>,
        change: Change<'e>,
        place: &str,
    ) -> Result<(), SpliceError> {
        match change {
            Change::Set { name, value } => {
                splice.set(name, value)?;
            }
            Change::Add { name, value, .. } => {
                if self.wanted(change) && splice.value(name)? != Some(value) {
                    splice.set(name, value)?;
                    self.told(change);
                }
            }
            Change::Remove(selection) => self.remove(splice, selection, place)?,
            Change::GiveUp(selection) => {
                for name in present(splice, selection)? {
                    let path = join(&selection.at, name);
                    if self.withheld.contains(&path) {
                        self.edited.withheld.push(path);
                        self.take(splice, Cow::Borrowed(name), place)?;
                    } else {
                        self.edited.add(&path);
                    }
                }
            }
            Change::Keep(MembersAt { names, when, .. }) => {
                if meets(splice, when.as_ref())? {
                    let members = splice.envelope().members();
                    let others: Vec<String> = members
                        .iter()
                        .filter(|member| !names.iter().any(|name| *name == member.name))
                        .map(|member| member.name.to_string())
                        .collect();
                    for name in others {
                        self.take(splice, Cow::Owned(name), place)?;
                    }
                }
            }
            Change::Rename { name, new } => {
                let Some(text) = splice.value(name)?.map(str::to_owned) else { return Ok(()) };
                match splice.value(new)? {
                    None => drop(splice.rename(name, new)?),
                    Some("null") => drop(splice.remove(new)?.rename(name, new)?),
                    Some(other) if same(other, &text) => drop(splice.remove(name)?),
                    Some(_) => self.take(splice, Cow::Borrowed(name), place)?,
                }
            }
            Change::Replace { name, old, new } => {
                if splice.value(name)?.is_some_and(|text| same(text, old)) {
                    splice.set(name, new)?;
                }
            }
        }
        Ok(())
    }

    fn remove<'e>(
        &mut self,
        splice: &mut Splice<'e, '_>,
        selection: &'e MembersAt,
        place: &str,
    ) -> Result<(), SpliceError> {
        for name in present(splice, selection)? {
            self.take(splice, Cow::Borrowed(name), place)?;
        }
        Ok(())
    }

    /// Takes a member from the client.
    fn take<'e>(
        &mut self,
        splice: &mut Splice<'e, '_>,
        name: Cow<'e, str>,
        place: &str,
    ) -> Result<(), SpliceError> {
        if splice.value(&name)?.is_some_and(|text| !asks_nothing(text)) {
            self.edited.lose(&join(place, &name));
        }
        splice.remove(name)?;
        Ok(())
    }

    /// Whether the upstream has not refused it before.
    fn wanted(&mut self, change: Change<'_>) -> bool {
        let Change::Add { path, .. } = change else { return true };
        let refused = self.withheld.iter().any(|it| it == path);
        if refused {
            self.edited.withheld.push(path.to_owned());
        }
        !refused
    }

    fn told(&mut self, change: Change<'_>) {
        if let Change::Add { path, .. } = change {
            self.edited.add(path);
        }
    }
}

/// The selection's members that are there, when its condition is met.
fn present<'e>(splice: &Splice<'_, '_>, selection: &'e MembersAt) -> Result<Vec<&'e str>, SpliceError> {
    if !meets(splice, selection.when.as_ref())? {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for name in &selection.names {
        if splice.value(name)?.is_some() {
            names.push(name.as_str());
        }
    }
    Ok(names)
}

fn meets(splice: &Splice<'_, '_>, condition: Option<&Condition>) -> Result<bool, SpliceError> {
    let Some(Condition { path, contains }) = condition else { return Ok(true) };
    let path = segments(path);
    let Some((first, rest)) = path.split_first() else { return Ok(false) };
    let value = splice.value(first)?;
    Ok(value.is_some_and(|text| holds(&Node::root(text), rest, contains)))
}

/// Whether a text at the path inside of a value contains `wanted`.
fn holds(node: &Node<'_>, path: &[&str], wanted: &str) -> bool {
    match path.split_first() {
        None => node.string().is_ok_and(|text| text.contains(wanted)),
        Some((&EACH, rest)) => {
            node.array().is_ok_and(|entries| entries.iter().any(|entry| holds(entry, rest, wanted)))
        }
        Some((name, rest)) => {
            let member = node.object().ok().and_then(|mut object| object.optional(name).ok().flatten());
            member.is_some_and(|node| holds(&node, rest, wanted))
        }
    }
}

/// Whether two values say the same, as far as texts and bare values go.
fn same(text: &str, wanted: &str) -> bool {
    let string = |text| Node::root(text).string();
    text.trim() == wanted.trim()
        || matches!((string(text), string(wanted)), (Ok(text), Ok(wanted)) if text == wanted)
}

fn object(name: &str, value: &str) -> String {
    format!("{{{}:{value}}}", quote(name))
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

/// Takes paths out of a body that a component wrote, in which they are nobody's wish.
pub fn without(body: &str, withheld: &[String]) -> Result<String, SpliceError> {
    if withheld.is_empty() || json::check(body.trim()).is_err() {
        return Ok(body.to_owned());
    }
    let selections = withheld.iter().map(|path| {
        let (at, name) = last(path);
        Edit::Remove(MembersAt::of(at, &[name]))
    });
    let edits: Vec<Edit> = selections.collect();
    let envelope = Envelope::scan_text(body)?;
    let mut splice = envelope.splice();
    let steps: Vec<Step<'_>> = edits.iter().map(step).collect();
    Walk { withheld: &[], prune: true, edited: &mut Edited::default() }.object(&mut splice, &steps, "")?;
    Ok(splice.finish())
}
