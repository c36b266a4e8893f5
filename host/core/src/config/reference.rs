//! `${ENV:NAME}` and `${FILE:path}`: a secret that stands elsewhere. A reference is always the whole value, and only
//! a secret may be one; so no setting can pull a file into a prompt.

/// Gives the texts behind references. The program reads the environment and files; tests answer from a table.
pub trait RefSource {
    /// The variable's text; none when it is not set.
    fn variable(&self, name: &str) -> Option<String>;
    /// Whose variables these are: `this process`.
    fn process(&self) -> String;
    /// The file's text. `path` is absolute or begins with `~/`.
    fn file(&self, path: &str) -> Result<String, RefError>;
}

/// Why a file behind a reference could not be read, in a few words: `not found`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RefError(pub String);

/// A parsed reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    Variable(&'a str),
    File(&'a str),
    /// Looks like one, but is none; the text says why.
    Malformed(&'static str),
}

impl<'a> Reference<'a> {
    /// Reads `text`; none when it does not look like a reference at all.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix("${")?.strip_suffix('}')?;
        Some(match inner.split_once(':') {
            Some(("ENV", name)) if is_variable(name) => Self::Variable(name),
            Some(("ENV", _)) => Self::Malformed("a variable's name is letters, digits and `_`"),
            Some(("FILE", path)) if path.starts_with('/') || path.starts_with("~/") => Self::File(path),
            Some(("FILE", _)) => Self::Malformed("a file's path is absolute or begins with `~/`"),
            _ => Self::Malformed("a reference is `${ENV:NAME}` or `${FILE:/path}`"),
        })
    }

    /// The text behind it, without the line end that editors leave.
    pub(super) fn read(self, source: &dyn RefSource) -> Result<String, String> {
        match self {
            Self::Variable(name) => source
                .variable(name)
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
                .ok_or_else(|| format!("variable `{name}` is not set in {}", source.process())),
            Self::File(path) => match source.file(path) {
                Ok(text) if text.trim().is_empty() => Err(format!("file `{path}` is empty")),
                Ok(text) => Ok(text.trim().to_owned()),
                Err(error) => Err(format!("file `{path}`: {error}")),
            },
            Self::Malformed(why) => Err(why.to_owned()),
        }
    }
}

pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
