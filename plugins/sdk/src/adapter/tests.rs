//! Components called the way the bindings call them.

use brains_dialect::canon::task::{Decision, Features, Pick, RouteInput, Score, Verdict};
use brains_dialect::canon::{Fault, FaultKind};
use serde::Deserialize;

use super::{Export, classifier_wire, meta_wire, policy_wire};
use crate::{Classifier, Component, Info, Policy};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    least: u8,
}

/// Classifies by length and routes by the candidates' number.
#[derive(Debug)]
struct Sound(u8);

impl Component for Sound {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = "{}";

    fn info() -> Info {
        crate::info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        if settings.least > 9 {
            return Err(vec!["least: at most 9".into(), "least: odd".into()]);
        }
        Ok(Self(settings.least))
    }
}

impl Classifier for Sound {
    fn classify(&self, features: &Features) -> Result<Verdict, Fault> {
        let scores = vec![Score { label: "long".into(), value: f32::from(self.0) }];
        Ok(Verdict { label: features.last_user_text.clone(), scores, ..Verdict::default() })
    }
}

impl Policy for Sound {
    fn decide(&self, input: &RouteInput) -> Result<Decision, Fault> {
        let pick = Pick { index: 7, score: 0.5, timeout_ms: Some(3) };
        Ok(Decision { picks: vec![pick], reason: input.requested.clone(), ..Decision::default() })
    }
}

/// Cannot be built.
#[derive(Debug)]
struct Unsound;

impl Component for Unsound {
    type Config = Settings;

    const CONFIG_SCHEMA: &'static str = "{}";

    fn info() -> Info {
        crate::info!()
    }

    fn new(_: Settings) -> Result<Self, Vec<String>> {
        Err(vec!["never".into()])
    }
}

impl Classifier for Unsound {
    fn classify(&self, _: &Features) -> Result<Verdict, Fault> {
        Ok(Verdict::default())
    }
}

fn validated(config: &str) -> Result<(), Vec<String>> {
    <Export<Sound> as meta_wire::Guest>::validate_config(config.into())
}

#[test]
fn settings_are_read_and_every_problem_listed() {
    assert_eq!(validated(""), Ok(()));
    assert_eq!(validated(r#"{"least":3}"#), Ok(()));
    assert_eq!(validated(r#"{"least":10}"#), Err(vec!["least: at most 9".into(), "least: odd".into()]));
    let unknown = validated(r#"{"most":1}"#).unwrap_err();
    assert!(unknown[0].starts_with("unknown field `most`"), "{unknown:?}");
}

#[test]
fn a_component_says_what_it_is() {
    let info = <Export<Sound> as meta_wire::Guest>::describe();
    assert_eq!((info.name.as_str(), info.version.as_str()), ("brains-sdk", env!("CARGO_PKG_VERSION")));
}

#[test]
fn values_arrive_whole() {
    let features = Features { last_user_text: "hi".into(), ..Features::default() };
    let verdict = <Export<Sound> as classifier_wire::Guest>::classify(features).unwrap();
    assert_eq!((verdict.label.as_str(), verdict.scores.len()), ("hi", 1));

    let RouteInput { features, verdict, candidates, .. } = RouteInput::default();
    let decision = <Export<Sound> as policy_wire::Guest>::decide(policy_wire::RouteInput {
        requested: "m".into(),
        features,
        verdict,
        candidates,
        sticky: None,
        budget_left: None,
        tags: Vec::new(),
        extra: None,
    })
    .unwrap();
    assert_eq!(
        (decision.reason.as_str(), decision.picks[0].index, decision.picks[0].timeout_ms),
        ("m", 7, Some(3))
    );
}

#[test]
fn a_component_that_cannot_be_built_is_a_fault() {
    let fault = <Export<Unsound> as classifier_wire::Guest>::classify(Features::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Internal);
    assert_eq!(fault.message, "the settings are not valid: never");
    assert!(fault.failover);
}
