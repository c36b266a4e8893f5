//! Tries the cheapest candidate first.

use brains_sdk::canon::Fault;
use brains_sdk::canon::task::{Candidate, Circuit, Decision, Pick, RouteInput};
use brains_sdk::{Component, Info, Policy, info};
use serde::Deserialize;

/// As in `config.schema.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Tiers that are never used.
    avoid_tiers: Vec<String>,
}

/// The component.
#[derive(Debug)]
pub struct Cheapest(Settings);

impl Component for Cheapest {
    type Config = Settings;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn info() -> Info {
        info!()
    }

    fn new(settings: Settings) -> Result<Self, Vec<String>> {
        Ok(Self(settings))
    }
}

impl Policy for Cheapest {
    /// The cheapest first; candidates without a price behind those with one, broken ones last.
    fn decide(&self, input: &RouteInput) -> Result<Decision, Fault> {
        let price = |it: &Candidate| it.input_price.unwrap_or(f64::MAX) + it.output_price.unwrap_or(f64::MAX);
        let usable = |it: &Candidate| !self.0.avoid_tiers.contains(&it.tier);
        let mut order: Vec<(u32, &Candidate)> =
            (0..).zip(&input.candidates).filter(|it| usable(it.1)).collect();
        order.sort_by(|(_, one), (_, other)| {
            let broken = |it: &Candidate| it.circuit == Circuit::Open;
            broken(one).cmp(&broken(other)).then(price(one).total_cmp(&price(other)))
        });
        let pick = |(index, _)| Pick { index, score: 1.0, timeout_ms: None };
        Ok(Decision {
            picks: order.into_iter().map(pick).collect(),
            reason: "cheapest first".into(),
            hedge_after_ms: None,
            extra: None,
        })
    }
}

brains_sdk::export_policy!(Cheapest);
