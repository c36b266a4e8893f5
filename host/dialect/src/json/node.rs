//! Values with their path, read on demand: a type error names the member, what nobody asked for stays text.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{JsonKind, Members, Reader, Syntax};
use crate::invalid::Invalid;

/// A member of an object that is kept as text, unless it is `null`.
pub(crate) fn member(object: Option<&str>, name: &str) -> Option<String> {
    Some(Node::root(object?).object().ok()?.optional(name).ok()??.text().to_owned())
}

/// A value inside a document and the path to it.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    text: &'a str,
    place: Place<'a>,
}

/// Where a value stands. It becomes text when somebody asks: a frame of a stream has some twenty values, and no error.
#[derive(Debug, Clone)]
enum Place<'a> {
    Root,
    At(Arc<str>),
    Member(Option<Arc<Self>>, Cow<'a, str>),
    Item(Option<Arc<Self>>, usize),
}

impl Place<'_> {
    /// For what stands inside; none at the root.
    fn shared(&self) -> Option<Arc<Self>> {
        match self {
            Self::Root => None,
            Self::At(_) | Self::Member(..) | Self::Item(..) => Some(Arc::new(self.clone())),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::At(path) => out.write_str(path),
            Self::Member(None, name) => out.write_str(name),
            Self::Member(Some(inside), name) => write!(out, "{inside}.{name}"),
            Self::Item(None, number) => write!(out, "[{number}]"),
            Self::Item(Some(inside), number) => write!(out, "{inside}[{number}]"),
        }
    }
}

impl<'a> Node<'a> {
    /// A value that stands alone. What is read of it is checked, not what may follow it.
    pub fn root(text: &'a str) -> Self {
        Self { text: text.trim_matches([' ', '\n', '\r', '\t']), place: Place::Root }
    }

    /// A value that stands at `path`.
    pub fn at(text: &'a str, path: &str) -> Self {
        let place = if path.is_empty() { Place::Root } else { Place::At(path.into()) };
        Self { text, place }
    }

    /// The value as it was written.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    pub fn path(&self) -> String {
        self.place.to_string()
    }

    pub fn kind(&self) -> Result<JsonKind, Invalid> {
        Reader::new(self.text).kind().map_err(|wrong| Invalid::syntax(self.text, &wrong))
    }

    pub fn is_null(&self) -> bool {
        self.text == "null"
    }

    pub fn string(&self) -> Result<Cow<'a, str>, Invalid> {
        self.must_be(JsonKind::String, "a string")?;
        Reader::new(self.text).string().map_err(|wrong| Invalid::syntax(self.text, &wrong))
    }

    pub fn boolean(&self) -> Result<bool, Invalid> {
        self.must_be(JsonKind::Bool, "a boolean")?;
        Ok(self.text == "true")
    }

    pub fn float(&self) -> Result<f32, Invalid> {
        self.must_be(JsonKind::Number, "a number")?;
        let value = self.text.parse::<f32>().map_err(|_| self.expected("a number"))?;
        if value.is_finite() { Ok(value) } else { Err(self.expected("a number in range")) }
    }

    /// A whole number that is not negative.
    pub fn unsigned(&self) -> Result<u32, Invalid> {
        self.must_be(JsonKind::Number, "a whole number")?;
        self.text.parse().map_err(|_| self.expected("a whole number from 0 to 4294967295"))
    }

    /// A whole number.
    pub fn integer(&self) -> Result<i64, Invalid> {
        self.must_be(JsonKind::Number, "a whole number")?;
        self.text.parse().map_err(|_| self.expected("a whole number of 64 bits"))
    }

    /// A count that an upstream may have written as `5` or `5.0`; anything else is 0.
    pub fn count(&self) -> u64 {
        if let Ok(whole) = self.text.parse::<u64>() {
            return whole;
        }
        match self.text.parse::<f64>() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count, checked to be positive; the cast saturates"
            )]
            Ok(value) if value > 0.0 => value as u64,
            _ => 0,
        }
    }

    pub fn array(&self) -> Result<Vec<Self>, Invalid> {
        self.must_be(JsonKind::Array, "an array")?;
        let (mut items, inside) = (Vec::new(), self.place.shared());
        let mut reader = Reader::new(self.text);
        reader
            .array(|reader| {
                let place = Place::Item(inside.clone(), items.len());
                items.push(Self { text: reader.skip()?, place });
                Ok(())
            })
            .map_err(|wrong| Invalid::syntax(self.text, &wrong))?;
        Ok(items)
    }

    pub fn object(&self) -> Result<Object<'a>, Invalid> {
        self.read_object(|_| Ok(()))
    }

    /// The object of a value that stands alone, with nothing behind it.
    pub fn sole_object(&self) -> Result<Object<'a>, Invalid> {
        self.read_object(Reader::end)
    }

    fn read_object(
        &self,
        behind: impl Fn(&mut Reader<'a>) -> Result<(), Syntax>,
    ) -> Result<Object<'a>, Invalid> {
        self.must_be(JsonKind::Object, "an object")?;
        // Most objects have fewer.
        let mut members: Vec<(Cow<'a, str>, Self)> = Vec::with_capacity(8);
        let inside = self.place.shared();
        let mut reader = Reader::new(self.text);
        reader
            .object(|reader, key| {
                let name = key.name();
                let place = Place::Member(inside.clone(), name.clone());
                members.push((name, Self { text: reader.skip()?, place }));
                Ok(())
            })
            .and_then(|()| behind(&mut reader))
            .map_err(|wrong| Invalid::syntax(self.text, &wrong))?;
        Ok(Object { inside, members })
    }

    /// The error that this value should have been `wanted`.
    pub fn expected(&self, wanted: &str) -> Invalid {
        let found = self.kind().map_or("something else", JsonKind::noun);
        self.invalid(format!("expected {wanted}, found {found}"))
    }

    /// An error about this value.
    pub fn invalid(&self, what: impl std::fmt::Display) -> Invalid {
        match self.place {
            Place::Root => Invalid::value(what.to_string(), None),
            Place::At(_) | Place::Member(..) | Place::Item(..) => {
                Invalid::value(format!("`{}`: {what}", self.place), Some(self.path()))
            }
        }
    }

    fn must_be(&self, kind: JsonKind, wanted: &str) -> Result<(), Invalid> {
        if self.kind()? == kind { Ok(()) } else { Err(self.expected(wanted)) }
    }
}

/// An object's members, taken one by one; what is left over goes into `extra`.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    /// Where it stands itself; none at the root.
    inside: Option<Arc<Place<'a>>>,
    members: Vec<(Cow<'a, str>, Node<'a>)>,
}

impl<'a> Object<'a> {
    /// Takes a member out. A member that occurs twice is an error: readers differ on which one counts.
    pub fn take(&mut self, name: &str) -> Result<Option<Node<'a>>, Invalid> {
        let Some(at) = self.members.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, node) = self.members.remove(at);
        if self.members.iter().any(|(key, _)| key == name) {
            return Err(node.invalid("given twice"));
        }
        Ok(Some(node))
    }

    /// Takes a member out; `null` counts as absent.
    pub fn optional(&mut self, name: &str) -> Result<Option<Node<'a>>, Invalid> {
        Ok(self.take(name)?.filter(|node| !node.is_null()))
    }

    /// Takes a member out that must be there and not be `null`.
    pub fn required(&mut self, name: &str) -> Result<Node<'a>, Invalid> {
        self.optional(name)?.ok_or_else(|| {
            let path = Place::Member(self.inside.clone(), Cow::Borrowed(name)).to_string();
            Invalid::value(format!("`{path}` is missing"), Some(path))
        })
    }

    pub fn string(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        self.optional(name)?.map(|node| node.string().map(Cow::into_owned)).transpose()
    }

    /// A string that must be there.
    pub fn required_string(&mut self, name: &str) -> Result<String, Invalid> {
        self.required(name)?.string().map(Cow::into_owned)
    }

    /// The items of an array; none when it is not there.
    pub fn array(&mut self, name: &str) -> Result<Vec<Node<'a>>, Invalid> {
        self.optional(name)?.map_or(Ok(Vec::new()), |node| node.array())
    }

    /// Puts a member back among the leftovers.
    pub fn put_back(&mut self, name: &'a str, node: Node<'a>) {
        self.members.push((Cow::Borrowed(name), node));
    }

    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members that nobody took, as an object; `None` when there are none.
    pub fn rest(self) -> Option<String> {
        if self.members.is_empty() {
            return None;
        }
        let mut rest = Members::new();
        for (name, node) in &self.members {
            rest.raw(name, node.text());
        }
        Some(rest.finish())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node<'a>)> {
        self.members.iter().map(|(name, node)| (name.as_ref(), node))
    }
}
