//! Which version of each component serves: a rule over the configuration, what is offered, what served before and what is
//! held. Nothing is read or loaded here; the plan that comes out is carried out by the runtime.

use std::collections::BTreeMap;

use super::ComponentStanding;
use super::history::ComponentHistory;
use super::reason::{NextStep, StandingReason};
use crate::config::manifest::{Manifest, Plays};
use crate::config::{ComponentLimits, Config};
use crate::plane::is_slug;

/// What a component's place offers: the file that the configuration names, else the bundled version, else the file of its
/// name in the plugins directory.
#[expect(clippy::large_enum_variant, reason = "one for each component, for as long as a plan is made")]
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Offer {
    #[default]
    Nothing,
    Version(OfferedVersion),
    /// Its place holds something that could never serve, or could not be read.
    Flawed {
        digest: String,
        reason: String,
    },
}

/// A version that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedVersion {
    pub digest: String,
    pub manifest: Manifest,
    /// It came with the program, which approved it.
    pub bundled: bool,
}

/// A file of the plugins directory.
#[derive(Debug, Clone, PartialEq)]
pub struct DroppedFile {
    pub digest: String,
    /// By its manifest, else by its exports.
    pub plays: Plays,
    /// None without a file beside it: it asks for nothing.
    pub manifest: Option<Manifest>,
    /// Why it could never serve.
    pub flaw: Option<String>,
}

/// Everything that is offered at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Offers {
    /// Digests of what came with the program, by component.
    pub bundled: BTreeMap<String, String>,
    /// Files of the plugins directory, by the component that each one is.
    pub dropped: BTreeMap<String, DroppedFile>,
    /// What the place of each component offers.
    pub places: BTreeMap<String, Offer>,
}

/// Why a version beside the one that serves does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionNote {
    pub digest: String,
    pub state: ComponentStanding,
    pub reason: StandingReason,
}

/// Versions of one component to try, best first, and what is to say of others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    pub tries: Vec<String>,
    pub notes: Vec<VersionNote>,
}

/// Why nothing of a component can be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// Its place holds another version than the pin says.
    Digest { wanted: String, found: String },
    /// The pinned version is held nowhere.
    Absent { digest: String },
    /// Its place is flawed.
    Flawed { reason: String },
    /// Neither bundled nor named nor in the plugins directory.
    Unknown,
}

/// What a configuration makes of the components.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangePlan {
    /// Files of the plugins directory that are providers by themselves.
    pub implied: Vec<String>,
    /// What to try, by component that a part or a file asks for. One that is switched off is in `standings`.
    pub selections: BTreeMap<String, Result<Selection, Unavailable>>,
    /// Where a component stands that has no instance by rule, and why.
    pub standings: BTreeMap<String, (ComponentStanding, StandingReason)>,
    /// What is to say of files beside a bundled component.
    pub notes: BTreeMap<String, Vec<VersionNote>>,
}

/// What a plan rests on.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    pub config: &'a Config,
    pub offers: &'a Offers,
    pub histories: &'a BTreeMap<String, ComponentHistory>,
}

/// Decides for all components. `held` tells whether a version of a component can be had without its file.
pub fn plan(input: PlanInput<'_>, held: impl Fn(&str, &str) -> bool) -> ChangePlan {
    let PlanInput { config, offers, histories } = input;
    let used = used(config);
    let mut plan = ChangePlan::default();
    for (id, file) in &offers.dropped {
        let named = config.components.get(id).is_some_and(|entry| entry.source.is_some());
        if named || used.contains_key(id.as_str()) && !offers.bundled.contains_key(id) {
            continue;
        }
        if offers.bundled.contains_key(id) {
            if offers.bundled.values().all(|digest| *digest != file.digest) {
                plan.notes.entry(id.clone()).or_default().push(VersionNote {
                    digest: file.digest.clone(),
                    state: ComponentStanding::Pending,
                    reason: StandingReason::then("it would replace the bundled one", NextStep::TakeFile),
                });
            }
            continue;
        }
        match by_itself(id, file, config, histories.get(id), &held) {
            Ok(()) => plan.implied.push(id.clone()),
            Err(standing) => {
                plan.standings.insert(id.clone(), standing);
            }
        }
    }
    for (id, entry) in &config.components {
        let unused = entry.enabled && entry.source.is_none() && !used.contains_key(id.as_str());
        let Some(pin) = entry.digest.as_deref().filter(|_| unused) else { continue };
        if offers.bundled.contains_key(id) || plan.implied.contains(id) || !held(id, pin) {
            continue;
        }
        let manifest = histories.get(id).and_then(|history| history.manifests.get(pin));
        let more = manifest.map(|manifest| manifest.beyond(None, entry.limits)).unwrap_or_default();
        let what = if more.is_empty() { "nothing".to_owned() } else { more.join(", ") };
        let asks = manifest.map(|manifest| manifest.asks.clone()).unwrap_or_default();
        let reason =
            StandingReason::then(format!("it asks for {what} and nothing uses it yet"), NextStep::Use(asks));
        plan.standings.insert(id.clone(), (ComponentStanding::Pending, reason));
    }
    let implied = plan.implied.iter().map(|id| (id.as_str(), Vec::new()));
    for (id, allowed) in used.into_iter().chain(implied) {
        if config.components.get(id).is_some_and(|entry| !entry.enabled) {
            let reason = StandingReason::then("it is switched off", NextStep::SwitchOn);
            plan.standings.insert(id.to_owned(), (ComponentStanding::Off, reason));
            continue;
        }
        let selected = select_for(id, input, &allowed, |digest| held(id, digest));
        plan.selections.insert(id.to_owned(), selected);
    }
    plan
}

/// Components that a part names, with the origins that the configuration allows to them.
fn used(config: &Config) -> BTreeMap<&str, Vec<String>> {
    let mut used: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for spec in config.providers.values() {
        used.entry(&spec.component).or_default().extend(spec.allow.http.iter().cloned());
    }
    for part in [&config.classifier, &config.policy].into_iter().flatten() {
        used.entry(&part.component).or_default();
    }
    used
}

/// Whether a file that nobody named may serve by itself.
fn by_itself(
    id: &str,
    file: &DroppedFile,
    config: &Config,
    history: Option<&ComponentHistory>,
    held: impl Fn(&str, &str) -> bool,
) -> Result<(), (ComponentStanding, StandingReason)> {
    if !is_slug(id) {
        let text =
            "its file's name is no id: lower-case letters, digits, `_` and `-`, a letter or digit first";
        return Err((ComponentStanding::Rejected, StandingReason::new(text)));
    }
    // What served before is tried again when the newest version is no good.
    let live = history.and_then(|history| history.live.as_deref());
    let serves = live.is_some_and(|live| held(id, live));
    if let Some(flaw) = &file.flaw {
        return if serves {
            Ok(())
        } else {
            Err((ComponentStanding::Rejected, StandingReason::new(flaw.as_str())))
        };
    }
    let waits =
        |text: String, next: NextStep| Err((ComponentStanding::Pending, StandingReason::then(text, next)));
    if let Some((owner, _)) = config.provider(id) {
        return waits(format!("its name means the provider `{owner}` already"), NextStep::NameInstance);
    }
    if file.plays != Plays::Provider {
        let text = format!("it plays the {}, of which there is one", file.plays.name());
        return waits(text, NextStep::TakePlace);
    }
    let entry = config.components.get(id);
    let pinned = entry.is_some_and(|entry| entry.digest.is_some());
    let Some(manifest) = file.manifest.as_ref().filter(|_| !pinned && !serves) else { return Ok(()) };
    let more = manifest.beyond(None, entry.map(|entry| entry.limits).unwrap_or_default());
    if more.is_empty() {
        return Ok(());
    }
    waits(format!("it asks for {}", more.join(", ")), NextStep::Approve(manifest.asks.clone()))
}

/// What to try of one component.
pub fn select_for(
    id: &str,
    input: PlanInput<'_>,
    allowed: &[String],
    held: impl Fn(&str) -> bool,
) -> Result<Selection, Unavailable> {
    let entry = input.config.components.get(id);
    let pin = entry.and_then(|entry| entry.digest.as_deref());
    let nothing = Offer::Nothing;
    let offer = input.offers.places.get(id).unwrap_or(&nothing);
    let newest = if let Offer::Version(version) = offer { Some(version) } else { None };
    if let Some(pin) = pin
        && !held(pin)
        && newest.is_none_or(|newest| newest.digest != pin)
    {
        return Err(match offer {
            Offer::Version(newest) => {
                Unavailable::Digest { wanted: pin.to_owned(), found: newest.digest.clone() }
            }
            Offer::Flawed { reason, .. } => Unavailable::Flawed { reason: reason.clone() },
            Offer::Nothing => Unavailable::Absent { digest: pin.to_owned() },
        });
    }
    let history = input.histories.get(id);
    let limits = entry.map(|entry| entry.limits).unwrap_or_default();
    let mut selection = select(Grounds { pin, newest, history, allowed, limits }, held);
    match offer {
        Offer::Flawed { reason, .. } if selection.tries.is_empty() => {
            return Err(Unavailable::Flawed { reason: reason.clone() });
        }
        Offer::Nothing | Offer::Version(_) if selection.tries.is_empty() => return Err(Unavailable::Unknown),
        Offer::Flawed { digest, reason } => selection.notes.push(VersionNote {
            digest: digest.clone(),
            state: ComponentStanding::Rejected,
            reason: StandingReason::new(reason.as_str()),
        }),
        Offer::Nothing | Offer::Version(_) => {}
    }
    Ok(selection)
}

/// Everything that the selection for one component rests on.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    pub pin: Option<&'a str>,
    pub newest: Option<&'a OfferedVersion>,
    pub history: Option<&'a ComponentHistory>,
    /// Origins that the configuration allows to its instances.
    pub allowed: &'a [String],
    /// Limits that the configuration sets.
    pub limits: ComponentLimits,
}

/// Selects among what is pinned, what is offered and what served before.
pub fn select(grounds: Grounds<'_>, held: impl Fn(&str) -> bool) -> Selection {
    let nothing = ComponentHistory::default();
    let history = grounds.history.unwrap_or(&nothing);
    let earlier = |than: &str| history.good(than).find(|known| held(known)).cloned();
    let mut selection = Selection::default();
    let wanted = match (grounds.pin, grounds.newest) {
        (Some(pin), newest) => {
            if let Some(newest) = newest.filter(|newest| newest.digest != pin) {
                selection.notes.push(beside(pin, newest, history));
            }
            pin
        }
        (None, Some(newest)) => {
            if let Some(waits) = beyond(grounds, newest, history)
                && let Some(live) = earlier(&newest.digest)
            {
                selection.notes.push(waits);
                selection.tries.push(live);
                return selection;
            }
            &newest.digest
        }
        // The file is gone: what it held last goes on.
        (None, None) => {
            let kept = history.live.iter().chain(&history.past).find(|known| held(known));
            selection.tries.extend(kept.cloned());
            return selection;
        }
    };
    if let Some(reason) = history.quarantined.get(wanted)
        && let Some(back) = earlier(wanted)
    {
        selection.notes.retain(|note| note.digest != back);
        selection.notes.push(quarantined(wanted, reason));
        selection.tries.push(back);
        return selection;
    }
    selection.tries.push(wanted.to_owned());
    if grounds.pin.is_none() {
        selection.tries.extend(earlier(wanted));
    }
    selection
}

fn quarantined(digest: &str, reason: &str) -> VersionNote {
    VersionNote {
        digest: digest.to_owned(),
        state: ComponentStanding::Quarantined,
        reason: StandingReason::then(reason, NextStep::TryAgain),
    }
}

/// A file beside a pin.
fn beside(pin: &str, newest: &OfferedVersion, history: &ComponentHistory) -> VersionNote {
    if let Some(reason) = history.quarantined.get(&newest.digest) {
        return quarantined(&newest.digest, reason);
    }
    let text = format!("its file holds another version than the pin {pin}");
    VersionNote {
        digest: newest.digest.clone(),
        state: ComponentStanding::Pending,
        reason: StandingReason::then(text, NextStep::TakeFile),
    }
}

/// What the newest version asks for and the one that serves was not given.
fn beyond(grounds: Grounds<'_>, newest: &OfferedVersion, history: &ComponentHistory) -> Option<VersionNote> {
    let live = history.live.as_ref().filter(|live| **live != newest.digest)?;
    // What is bundled was approved with the program.
    if newest.bundled {
        return None;
    }
    let mut more = newest.manifest.beyond(history.manifests.get(live), grounds.limits);
    more.retain(|asked| !grounds.allowed.contains(asked));
    if more.is_empty() || history.quarantined.contains_key(&newest.digest) {
        return None;
    }
    let text = format!("it asks for more than the version that serves: {}", more.join(", "));
    Some(VersionNote {
        digest: newest.digest.clone(),
        state: ComponentStanding::Pending,
        reason: StandingReason::then(text, NextStep::Approve(newest.manifest.asks.clone())),
    })
}

#[cfg(test)]
mod tests;
