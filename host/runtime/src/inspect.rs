//! What a loaded component tells of itself beyond what a service needs.

use crate::Component;

impl Component {
    /// The names of what it imports, in its own order.
    pub fn imports(&self) -> Vec<String> {
        let compiled = self.pre.component();
        let kind = compiled.component_type();
        kind.imports(compiled.engine()).map(|(import, _)| import.to_owned()).collect()
    }
}
