//! Covers the secrets of an instance in what its component answers and logs. A component is never shown one, but its
//! upstream may repeat one in ways of its own, and its settings may hold one.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use brains_core::sync::Unpoisoned as _;
use brains_core::{Secret, SecretSet};
use brains_dialect::canon::Fault;
use brains_dialect::canon::catalogue::Page;

/// Secrets of earlier versions that are remembered, and as many of those that were given meanwhile.
const EARLIER: usize = 32;

/// The secrets that versions of an instance were given while the program runs: an answer may repeat one that was
/// changed since. All versions cover the same ones.
#[derive(Debug, Default)]
pub(crate) struct SecretHistory(Mutex<GivenSecrets>);

#[derive(Debug, Default)]
struct GivenSecrets {
    /// With the settings.
    configured: Vec<Secret>,
    /// While it runs, by signing in.
    signed_in: Vec<Secret>,
    /// All of them, ready to be found.
    set: Arc<SecretSet>,
}

impl SecretHistory {
    /// Remembers those of one more version.
    fn with<'s>(&self, secrets: impl Iterator<Item = &'s Secret>) {
        let mut given = self.0.lock_unpoisoned();
        remember(&mut given.configured, secrets);
        given.cover();
        // None of the version that is made now is left out of what is covered.
        forget(&mut given.configured);
    }

    /// Remembers what was given meanwhile.
    fn learn<'s>(&self, secrets: impl Iterator<Item = &'s Secret>) {
        let mut given = self.0.lock_unpoisoned();
        let before = given.signed_in.len();
        let fresh: Vec<&Secret> = secrets.filter(|secret| !given.signed_in.contains(secret)).collect();
        remember(&mut given.signed_in, fresh.into_iter());
        if given.signed_in.len() > before {
            forget(&mut given.signed_in);
            given.cover();
        }
    }
}

impl GivenSecrets {
    fn cover(&mut self) {
        self.set = Arc::new(SecretSet::of(self.configured.iter().chain(&self.signed_in)));
    }
}

/// The newest last.
fn remember<'s>(known: &mut Vec<Secret>, secrets: impl Iterator<Item = &'s Secret>) {
    for secret in secrets {
        known.retain(|earlier| earlier != secret);
        known.push(secret.clone());
    }
}

/// Keeps the newest.
fn forget(known: &mut Vec<Secret>) {
    let gone = known.len().saturating_sub(EARLIER);
    known.drain(..gone);
}

/// Covers the secrets of one instance in what its component says.
#[derive(Debug, Clone)]
pub(crate) struct OutputRedaction(Arc<SecretHistory>);

impl OutputRedaction {
    /// Of a version that is given these.
    pub(crate) fn of<'s>(given: &Arc<SecretHistory>, secrets: impl Iterator<Item = &'s Secret>) -> Self {
        given.with(secrets);
        Self(Arc::clone(given))
    }

    /// Covers these from now on, too.
    pub(crate) fn learn<'s>(&self, secrets: impl Iterator<Item = &'s Secret>) {
        self.0.learn(secrets);
    }

    /// Every secret that is covered.
    pub(crate) fn secrets(&self) -> Arc<SecretSet> {
        Arc::clone(&self.0.0.lock_unpoisoned().set)
    }

    /// The whole text.
    pub(crate) fn cover<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets().cover(text)
    }

    /// The beginning of `text`, at least so long when it has as much: no half of a secret stands at its end.
    pub(crate) fn head<'t>(&self, text: &'t str, limit_bytes: usize) -> Cow<'t, str> {
        let secrets = self.secrets();
        let looked = text.get(..text.floor_char_boundary(limit_bytes * 4)).unwrap_or_default();
        if looked.len() == text.len() {
            return secrets.cover(text);
        }
        let sure = secrets.look(looked.as_bytes()).open;
        secrets.cover(looked.get(..looked.floor_char_boundary(sure)).unwrap_or_default())
    }

    pub(crate) fn cover_all(&self, texts: &mut [String]) {
        let secrets = self.secrets();
        for text in texts {
            secrets.cover_in(text);
        }
    }

    pub(crate) fn cover_fault(&self, mut fault: Fault) -> Fault {
        let secrets = self.secrets();
        secrets.cover_in(&mut fault.message);
        // A word with a secret in it is no word any more.
        fault.code = fault.code.filter(|code| matches!(secrets.cover(code), Cow::Borrowed(_)));
        fault
    }

    pub(crate) fn cover_page(&self, page: &mut Page) {
        let secrets = self.secrets();
        if secrets.is_empty() {
            return;
        }
        page.models.retain(|model| matches!(secrets.cover(&model.id), Cow::Borrowed(_)));
        for model in &mut page.models {
            model.label.iter_mut().for_each(|label| secrets.cover_in(label));
            self.cover_all(&mut model.caps);
            model.pricing.iter_mut().for_each(|pricing| secrets.cover_in(pricing));
        }
    }
}

#[cfg(test)]
mod tests;
