//! What every verb is given: where the state is, what the environment says, how to answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use brains_core::{Ambient, Fault};
use brains_files::{Gate, Names};
use serde_json::Value;

use crate::ambient::SystemAmbient;
use crate::cli::Global;
use crate::ending::Ender;
use crate::environment::Environment;
use crate::home::Home;
use crate::output::Form;
use crate::sources::Sources;

/// The surroundings of one command.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) home: Home,
    pub(crate) environment: Environment,
    pub(crate) global: Global,
    pub(crate) form: Form,
    pub(crate) ambient: Arc<dyn Ambient>,
    /// Where files are touched, and names looked up.
    pub(crate) files: Gate,
    pub(crate) names: Names,
    pub(crate) ender: Ender,
}

impl Shell {
    pub(crate) fn new(environment: Environment, global: Global, ender: Ender) -> Result<Self, Fault> {
        Ok(Self {
            home: Home::find(&environment)?,
            environment,
            form: Form::choose(global.json),
            global,
            ambient: Arc::new(SystemAmbient::new()),
            files: Gate::default(),
            names: Names::default(),
            ender,
        })
    }

    /// The layers, with `flags` of the verb over those of every verb.
    pub(crate) fn sources(&self, mut flags: BTreeMap<String, Value>) -> Result<Sources, Fault> {
        if let Some(url) = &self.global.db {
            flags.insert("db_url".into(), url.as_str().into());
        }
        Sources::new(&self.home, &self.environment, self.global.config.as_deref(), flags, self.files.clone())
    }
}
