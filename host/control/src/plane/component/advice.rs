//! How the step that lets a component serve is called on the command line.

use brains_core::config::manifest::Asks;
use brains_core::plane::component::reason::NextStep;

/// What to do about a version that does not serve, for people.
pub fn component_advice(id: &str, step: &NextStep) -> String {
    let enable = format!("brains plugin enable {id}");
    match step {
        NextStep::Approve(asks) => format!("`{}` approves it", approval(id, asks)),
        NextStep::Use(asks) => format!("`{}` puts it to use", approval(id, asks)),
        NextStep::TryAgain => format!("`{enable}` tries it again"),
        NextStep::TakeFile => format!("`brains plugin upgrade {id}` takes it"),
        NextStep::TakeWaiting => format!("`{enable}` takes it"),
        NextStep::NameInstance => format!("`{enable} --instance NAME` gives it another"),
        NextStep::TakePlace => format!("`{enable}` puts it in place"),
        NextStep::SwitchOn => format!("`{enable}` switches it on"),
        NextStep::GiveSettings => format!("`{enable} --settings '{{…}}'` gives it some"),
    }
}

/// The command that gives a component what it asks for.
pub(super) fn approval(id: &str, asks: &Asks) -> String {
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
