//! The verbs of a component's author: begin one, build it, see what it asks for, try it. They work on files and in the
//! host's own runtime; nothing of a service is touched.

mod artifact;
mod build;
mod golden;
mod inspect;
mod scaffold;
mod trial;

use crate::cli::PluginVerb;
use crate::shell::Shell;

/// Carries out one of them.
pub(crate) async fn run(shell: &Shell, verb: &PluginVerb) -> Result<(), anyhow::Error> {
    match verb {
        PluginVerb::New(wanted) => scaffold::new(shell, wanted),
        PluginVerb::Build(place) => build::build(shell, &place.path),
        PluginVerb::Check(place) => inspect::check(shell, &place.path),
        PluginVerb::Test(wanted) => trial::test(shell, wanted).await,
    }
}
