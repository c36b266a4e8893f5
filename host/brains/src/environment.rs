//! The environment as one map, read once in `main` and passed down: nothing else asks for a variable.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The variables that the program was started with.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    /// Whose they are, for people: each process has its own, and keeps those that it was started with.
    process: String,
}

impl Environment {
    /// What the process inherited. Names and values that are not UTF-8 are left out.
    pub(crate) fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let verb = std::env::args().nth(1).filter(|verb| !verb.starts_with('-')).unwrap_or_default();
        let process =
            format!("the process `{}` (pid {})", format!("brains {verb}").trim_end(), std::process::id());
        Self { variables, process }
    }

    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { variables, process: "this process".to_owned() }
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A path named by a variable, with a leading `~/` opened.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(|text| self.open_tilde(text))
    }

    pub(crate) fn open_tilde(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), self.get("HOME")) {
            (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
            _ if text == "~" => self.get("HOME").map_or_else(|| PathBuf::from(text), PathBuf::from),
            _ => PathBuf::from(text),
        }
    }

    /// Whose variables these are, for people.
    pub(crate) fn process(&self) -> &str {
        &self.process
    }

    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be keys.
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
