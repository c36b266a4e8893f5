//! Which content of a component should serve: a rule over what is pinned, what its file offers now, and what served
//! before. Nothing is loaded here.

use brains_core::config::ComponentLimits;
use brains_core::config::manifest::{Asks, Manifest};
use brains_core::plane::component::ComponentStanding;

use crate::component::history::ComponentHistory;

/// What a component's place offers now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest<'a> {
    pub(crate) digest: &'a str,
    /// None of one that asks for nothing.
    pub(crate) manifest: Option<&'a Manifest>,
}

/// Why a content beside the one that serves does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) digest: String,
    pub(crate) state: ComponentStanding,
    pub(crate) reason: String,
}

/// Contents to try, best first, and what is to say of others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Choice {
    pub(crate) tries: Vec<String>,
    pub(crate) notes: Vec<Note>,
}

/// Everything that the choice for one component rests on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grounds<'a> {
    pub(crate) id: &'a str,
    pub(crate) pin: Option<&'a str>,
    pub(crate) newest: Option<Newest<'a>>,
    pub(crate) entry: Option<&'a ComponentHistory>,
    /// Origins that the configuration allows to its instances.
    pub(crate) allowed: &'a [String],
    /// Limits that the configuration sets.
    pub(crate) limits: ComponentLimits,
}

/// Decides. `held` tells whether a content can be had without its file.
pub(crate) fn choose(grounds: Grounds<'_>, held: impl Fn(&str) -> bool) -> Choice {
    let nothing = ComponentHistory::default();
    let entry = grounds.entry.unwrap_or(&nothing);
    let earlier = |than: &str| entry.good(than).find(|known| held(known)).cloned();
    let mut choice = Choice::default();
    let wanted = match (grounds.pin, grounds.newest) {
        (Some(pin), newest) => {
            if let Some(newest) = newest.filter(|newest| newest.digest != pin) {
                choice.notes.push(beside(grounds.id, pin, newest, entry));
            }
            pin
        }
        (None, Some(newest)) => {
            if let Some(waits) = beyond(grounds, newest, entry)
                && let Some(live) = earlier(newest.digest)
            {
                choice.notes.push(waits);
                choice.tries.push(live);
                return choice;
            }
            newest.digest
        }
        // The file is gone: what it held last goes on.
        (None, None) => {
            choice.tries.extend(entry.live.iter().chain(&entry.past).find(|known| held(known)).cloned());
            return choice;
        }
    };
    if let Some(reason) = entry.quarantined.get(wanted)
        && let Some(back) = earlier(wanted)
    {
        choice.notes.retain(|note| note.digest != back);
        choice.notes.push(Note {
            digest: wanted.to_owned(),
            state: ComponentStanding::Quarantined,
            reason: format!("{reason}; `brains plugin enable {}` tries it again", grounds.id),
        });
        choice.tries.push(back);
        return choice;
    }
    choice.tries.push(wanted.to_owned());
    if grounds.pin.is_none() {
        choice.tries.extend(earlier(wanted));
    }
    choice
}

/// A file beside a pin.
fn beside(id: &str, pin: &str, newest: Newest<'_>, entry: &ComponentHistory) -> Note {
    if let Some(reason) = entry.quarantined.get(newest.digest) {
        return Note {
            digest: newest.digest.to_owned(),
            state: ComponentStanding::Quarantined,
            reason: format!("{reason}; `brains plugin enable {id}` tries it again"),
        };
    }
    Note {
        digest: newest.digest.to_owned(),
        state: ComponentStanding::Pending,
        reason: format!(
            "its file holds another content than the pin {pin}: `brains plugin upgrade {id}` takes it"
        ),
    }
}

/// What the newest content asks for and the one that serves was not given.
fn beyond(grounds: Grounds<'_>, newest: Newest<'_>, entry: &ComponentHistory) -> Option<Note> {
    let live = entry.live.as_ref().filter(|live| *live != newest.digest)?;
    let manifest = newest.manifest?;
    let mut more = manifest.beyond(entry.manifests.get(live), grounds.limits);
    more.retain(|asked| !grounds.allowed.contains(asked));
    if more.is_empty() || entry.quarantined.contains_key(newest.digest) {
        return None;
    }
    Some(Note {
        digest: newest.digest.to_owned(),
        state: ComponentStanding::Pending,
        reason: format!(
            "it asks for more than the version that serves: {}; `{}` approves it",
            more.join(", "),
            approval(grounds.id, &manifest.asks)
        ),
    })
}

/// The command that gives a component what it asks for.
pub(crate) fn approval(id: &str, asks: &Asks) -> String {
    let mut command = format!("brains plugin enable {id}");
    if !asks.http.is_empty() {
        command.push_str(" --allow-http ");
        command.push_str(&asks.http.join(","));
    }
    if !asks.secrets.is_empty() {
        let named: Vec<String> =
            asks.secrets.iter().map(|name| format!("{name}: \"${{ENV:{}}}\"", name.to_uppercase())).collect();
        command.extend([" --secrets '{", &named.join(", "), "}'"]);
    }
    command
}

#[cfg(test)]
mod tests;
