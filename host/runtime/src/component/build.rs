//! From a plan to a set of instances: each version that the plan names is loaded and made instances of, the best that works
//! for all of a component's parts. Nothing of it serves yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use brains_core::config::manifest::{Asks, Plays};
use brains_core::config::{Config, Layer, Place, Problem, Provenance, Resolved};
use brains_core::plane::component::ComponentStanding;
use brains_core::plane::component::plan::{PlanInput, Selection, Unavailable, VersionNote, plan};
use brains_core::plane::component::reason::{NextStep, StandingReason};
use serde_json::Value;

use super::active::ActiveSet;
use super::change::ChangeActor;
use super::configured_part::{ConfiguredPart, parts};
use super::loader::Purpose;
use super::reason_text;
use crate::instance::Instance;
use crate::load::{Component, LoadError};

/// A set that may be put in force, and what is wrong with it.
pub(super) struct CandidateSet {
    pub(super) set: ActiveSet,
    pub(super) problems: Vec<Problem>,
}

/// Where components stand that have no instance, and versions that do not serve.
#[derive(Debug, Default)]
pub(super) struct BuildFindings {
    pub(super) standings: BTreeMap<String, (ComponentStanding, StandingReason)>,
    pub(super) notes: BTreeMap<String, Vec<VersionNote>>,
}

/// What a set is made from.
struct Attempt<'a> {
    config: &'a Config,
    old: &'a ActiveSet,
    purpose: Purpose,
}

/// One part of those asked for, by its number, and what became of it.
type Made = (usize, Result<Arc<Instance>, LoadError>);

impl ChangeActor {
    pub(super) fn build(&mut self, resolved: Resolved, purpose: Purpose) -> CandidateSet {
        let Resolved { config, provenance, warnings, missing: _ } = resolved;
        let old = self.active.current();
        let shared = Arc::clone(&self.parts);
        let (offers, histories) = (shared.catalog.offers(&config), shared.history.all());
        let input = PlanInput { config: &config, offers: &offers, histories: &histories };
        let mut plan = plan(input, |id, digest| shared.catalog.holds_for(id, digest));
        let mut found = BuildFindings { standings: plan.standings, notes: plan.notes };
        let nothing = Value::Object(serde_json::Map::new());
        let mut all = parts(&config);
        all.extend(plan.implied.iter().map(|id| ConfiguredPart::implied(id, &nothing)));

        let attempt = Attempt { config: &config, old: &old, purpose };
        let mut made: Vec<Option<Result<Arc<Instance>, LoadError>>> = all.iter().map(|_| None).collect();
        for part in &all {
            let Some(selected) = plan.selections.remove(part.component) else { continue };
            let own: Vec<(usize, &ConfiguredPart<'_>)> =
                all.iter().enumerate().filter(|(_, other)| other.component == part.component).collect();
            let notes = found.notes.entry(part.component.to_owned()).or_default();
            for (at, result) in self.make(part.component, &own, selected, &attempt, notes) {
                if let Some(place) = made.get_mut(at) {
                    *place = Some(result);
                }
            }
        }

        let mut set = ActiveSet { warnings, ..ActiveSet::default() };
        let mut problems = Vec::new();
        for (part, made) in all.iter().zip(made) {
            match made {
                // It is switched off.
                None => {}
                Some(Ok(instance)) => match part.plays {
                    Plays::Provider => set.providers.push(instance),
                    Plays::Classifier => set.classifier = Some(instance),
                    Plays::Policy => set.policy = Some(instance),
                    Plays::Bridge | Plays::Hook => {}
                },
                Some(Err(error)) => {
                    let (standing, reason) = disposition(part, &error);
                    if matches!(error, LoadError::Checking) {
                        joins(&mut set, part, &old);
                    } else if !part.implied {
                        problems.push(Problem {
                            path: part.path.clone(),
                            place: provenance_of(&provenance, &part.path),
                            message: format!(
                                "component `{}`: {}",
                                part.component,
                                shared.reason_text(part.component, &reason)
                            ),
                            hint: Some(
                                "`brains plugin list` shows every component and why one is not live".into(),
                            ),
                        });
                    }
                    found.standings.insert(part.component.to_owned(), (standing, reason));
                }
            }
        }
        set.report.records = shared.records(&config, &set, &found);
        set.report.notes = found.notes;
        set.report.rejected.clone_from(&problems);
        set.config = config;
        set.provenance = Arc::new(provenance);
        CandidateSet { set, problems }
    }

    /// Instances of one component, all of the same version: the best that works for all of them.
    fn make(
        &mut self,
        id: &str,
        parts: &[(usize, &ConfiguredPart<'_>)],
        selected: Result<Selection, Unavailable>,
        attempt: &Attempt<'_>,
        notes: &mut Vec<VersionNote>,
    ) -> Vec<Made> {
        let selection = match selected {
            Ok(selection) => selection,
            Err(unavailable) => return failed(parts, unavailable_error(id, unavailable)),
        };
        notes.extend(selection.notes);
        let mut tries = selection.tries.into_iter().peekable();
        while let Some(digest) = tries.next() {
            let made: Vec<Made> = match self.ready(id, &digest, attempt) {
                Ok(component) => parts
                    .iter()
                    .map(|(at, part)| {
                        (*at, self.parts.instance(part, &component, attempt.config, attempt.old))
                    })
                    .collect(),
                Err(error) => failed(parts, error),
            };
            match made.iter().find_map(|(_, result)| result.as_ref().err()) {
                Some(error) if tries.peek().is_some() => notes.push(note(digest, error)),
                _ => return made,
            }
        }
        Vec::new()
    }

    /// A version, without waiting for one that is being prepared already. One that must be compiled first is prepared
    /// meanwhile, when it is to serve.
    fn ready(&mut self, id: &str, digest: &str, attempt: &Attempt<'_>) -> Result<Arc<Component>, LoadError> {
        let key = (id.to_owned(), digest.to_owned());
        if !self.cache.is_known(&key) && self.checking.get(id).is_some_and(|checked| checked == digest) {
            return Err(LoadError::Checking);
        }
        let parts = Arc::clone(&self.parts);
        let loaded = self.cache.load(&parts, key, attempt.config, attempt.purpose);
        if attempt.purpose == Purpose::Serve && matches!(loaded, Err(LoadError::Checking)) {
            self.queue(id, digest);
        }
        loaded
    }
}

/// A part whose version is being prepared: it joins by itself. Who orders and labels now goes on until then.
fn joins(set: &mut ActiveSet, part: &ConfiguredPart<'_>, old: &ActiveSet) {
    set.joining.paths.push(part.path.clone());
    match part.plays {
        Plays::Provider => {
            set.joining.providers.push(part.name.to_owned());
            set.joining.providers.extend(part.settings.aliases.iter().cloned());
        }
        Plays::Classifier => set.classifier.clone_from(&old.classifier),
        Plays::Policy => set.policy.clone_from(&old.policy),
        Plays::Bridge | Plays::Hook => {}
    }
}

fn unavailable_error(id: &str, unavailable: Unavailable) -> LoadError {
    match unavailable {
        Unavailable::Digest { wanted, found } => LoadError::Digest { wanted, found },
        Unavailable::Absent { digest } => LoadError::Absent { digest },
        Unavailable::Flawed { reason } => LoadError::Refused { reason },
        Unavailable::Unknown => LoadError::Unknown { id: id.to_owned() },
    }
}

/// The same error for every part.
fn failed(parts: &[(usize, &ConfiguredPart<'_>)], error: LoadError) -> Vec<Made> {
    let reason = reason_text(&error);
    let mut first = Some(error);
    parts
        .iter()
        .map(|(at, _)| {
            let checking = matches!(first, Some(LoadError::Checking));
            let error = if checking { Some(LoadError::Checking) } else { first.take() };
            let error = error.unwrap_or_else(|| LoadError::Refused { reason: reason.clone() });
            (*at, Err(error))
        })
        .collect()
}

/// What is to say of a version that was tried in vain.
fn note(digest: String, error: &LoadError) -> VersionNote {
    let state = match error {
        LoadError::Checking => ComponentStanding::Checking,
        LoadError::Pending(_) | LoadError::Limits { .. } | LoadError::Settings { .. } => {
            ComponentStanding::Pending
        }
        _ => ComponentStanding::Rejected,
    };
    VersionNote { digest, state, reason: StandingReason { text: reason_text(error), next: next_step(error) } }
}

fn next_step(error: &LoadError) -> Option<NextStep> {
    match error {
        LoadError::Pending(asked) => Some(NextStep::Approve(Asks { http: asked.clone(), ..Asks::default() })),
        LoadError::Limits { asks, .. } => Some(NextStep::Approve(asks.clone())),
        _ => None,
    }
}

/// Where a part's component stands that could not be made an instance, and what there is to do.
fn disposition(part: &ConfiguredPart<'_>, error: &LoadError) -> (ComponentStanding, StandingReason) {
    let text = reason_text(error);
    match error {
        LoadError::Pending(_) | LoadError::Limits { .. } => {
            (ComponentStanding::Pending, StandingReason { text, next: next_step(error) })
        }
        LoadError::Checking => (ComponentStanding::Checking, StandingReason::new(text)),
        LoadError::Settings { .. } if part.implied => {
            (ComponentStanding::Pending, StandingReason::then(text, NextStep::GiveSettings))
        }
        _ => (ComponentStanding::Rejected, StandingReason::new(text)),
    }
}

fn provenance_of(provenance: &Provenance, path: &str) -> Place {
    let nearest = provenance.iter().find(|(known, _)| known.starts_with(path));
    let unset = || Place::of(Layer::Default);
    nearest.map_or_else(unset, |(_, place)| place.clone())
}
