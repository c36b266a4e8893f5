use brains_core::config::manifest::Asks;
use brains_core::plane::component::reason::NextStep;

use super::{approval, component_advice};

#[test]
fn the_command_that_approves_says_everything() {
    let all =
        Asks { http: vec!["https://a.example".into()], secrets: vec!["api_key".into()], ..Asks::default() };
    let command =
        "brains plugin enable acme --allow-http https://a.example --secrets '{api_key: \"${ENV:API_KEY}\"}'";
    assert_eq!(approval("acme", &all), command);
    assert_eq!(component_advice("acme", &NextStep::Approve(all)), format!("`{command}` approves it"));
    assert_eq!(approval("acme", &Asks::default()), "brains plugin enable acme");
}
