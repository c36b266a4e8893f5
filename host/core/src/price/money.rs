//! Amounts as integers. People write dollars; a number with at most fifteen digits comes out as it went in.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What tokens of a kind cost, in nano-dollars a thousand: vendors name prices down to some thousandths of a nano-dollar a
/// token. People write US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TokenRate(pub u64);

/// Money, in thousand-millionths of a US dollar. People write dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NanoDollars(pub i64);

/// Nano-dollars a thousand tokens in one dollar per million.
const RATE_OF_DOLLAR: f64 = 1e6;
/// No rate is higher: a million dollars per million tokens.
const RATE_MOST: f64 = 1e12;
const NANOS_OF_DOLLAR: f64 = 1e9;
/// More than anything here can cost, and far from where adding up ends.
const DOLLARS_MOST: f64 = 1e6;

impl TokenRate {
    /// The rate of so many dollars per million tokens; none for what is no price.
    pub fn of_dollars(dollars_per_million: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounds are checked")]
        within(dollars_per_million * RATE_OF_DOLLAR, RATE_MOST).map(|rate| Self(rate as u64))
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate stays below 2^52")]
    pub fn dollars_per_million(self) -> f64 {
        self.0 as f64 / RATE_OF_DOLLAR
    }
}

impl NanoDollars {
    /// So many dollars; none for what is no price.
    pub fn of_dollars(dollars: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "bounds are checked")]
        within(dollars * NANOS_OF_DOLLAR, DOLLARS_MOST * NANOS_OF_DOLLAR).map(|nanos| Self(nanos as i64))
    }

    /// The number that is nearest, which is written with the very digits below some millions of dollars.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the division gives the nearest number, and more is not promised"
    )]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / NANOS_OF_DOLLAR
    }
}

/// The whole number that is nearest, if it is one that a price may be.
fn within(amount: f64, most: f64) -> Option<f64> {
    (amount.is_finite() && (0.0..=most).contains(&amount)).then(|| amount.round())
}

impl fmt::Display for NanoDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dollars())
    }
}

impl Serialize for TokenRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars_per_million())
    }
}

impl<'de> Deserialize<'de> for TokenRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        Self::of_dollars(dollars).ok_or_else(|| D::Error::custom("is no price per million tokens"))
    }
}

impl Serialize for NanoDollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for NanoDollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        let nanos = dollars * NANOS_OF_DOLLAR;
        let sound = nanos.is_finite() && nanos.abs() < 9.0e18;
        #[expect(clippy::cast_possible_truncation, reason = "bounds are checked")]
        sound.then(|| Self(nanos.round() as i64)).ok_or_else(|| D::Error::custom("is no amount of money"))
    }
}

impl JsonSchema for TokenRate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TokenRate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

impl JsonSchema for NanoDollars {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NanoDollars".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}
