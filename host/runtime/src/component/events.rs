//! What a change of the set means for versions: which came to serve, which stopped, which wait; told as version events.

use brains_core::plane::component::ComponentStanding;
use brains_core::plane::component::plan::VersionNote;

use super::ComponentParts;
use super::active::ActiveSet;
use super::drains::Gone;

impl ComponentParts {
    /// Notes what serves now and what became of the rest.
    pub(super) fn remember(&self, old: &ActiveSet, new: &ActiveSet) {
        for instance in new.instances() {
            let component = instance.component();
            self.history.update(component.id(), |history| {
                history.serves(component.digest(), component.manifest());
            });
        }
        self.tell_records(old, new);
        for (id, notes) in &new.report.notes {
            for note in notes {
                if !old.report.notes.get(id).is_some_and(|known| known.contains(note)) {
                    self.events.add(id, &note.digest, note.state, Some(&self.reason_text(id, &note.reason)));
                }
            }
        }
        for record in &old.report.records {
            let was = &record.component;
            if !new.report.records.iter().any(|record| record.component.id == was.id) {
                self.events.add(&was.id, &was.digest, ComponentStanding::Off, Some("it is gone"));
            }
        }
        for instance in old.instances() {
            let (id, digest) = (instance.component_id(), instance.component().digest());
            if !new.serves(id, digest) && instance.exchanges() > 0 {
                self.events.add(id, digest, ComponentStanding::Draining, None);
            }
        }
    }

    fn tell_records(&self, old: &ActiveSet, new: &ActiveSet) {
        for record in &new.report.records {
            let now = &record.component;
            let before = old.report.records.iter().find(|record| record.component.id == now.id);
            let before = before.map(|record| &record.component);
            let fresh = |notes: &[VersionNote]| notes.iter().any(|note| note.digest == now.digest);
            // What waits beside the live one is told under its own digest.
            let reason = now.reason.as_deref().filter(|_| now.state != ComponentStanding::Live);
            let same = before.is_some_and(|before| {
                before.digest == now.digest
                    && before.state == now.state
                    && (before.reason == now.reason || now.state == ComponentStanding::Live)
            });
            let unused = before.is_none() && now.state == ComponentStanding::Off;
            if !same && !unused && !new.report.notes.get(&now.id).is_some_and(|notes| fresh(notes)) {
                self.events.add(&now.id, &now.digest, now.state, reason);
            }
        }
    }

    /// Nothing runs on these versions any more.
    pub(super) fn tell_gone(&self, current: &ActiveSet, gone: &[Gone]) {
        for Gone { id, digest } in gone {
            if current.serves(id, digest) {
                continue;
            }
            let kept = self.history.of(id).is_some_and(|history| history.past.contains(digest));
            let state = if kept { ComponentStanding::Previous } else { ComponentStanding::Off };
            self.events.add(id, digest, state, Some("nothing runs on it any more"));
        }
    }
}
