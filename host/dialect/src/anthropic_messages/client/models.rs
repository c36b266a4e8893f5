//! The models that a request may name, as clients of this wire list them.

use crate::canon::Json;
use crate::ingress::ModelListing;
use crate::json::{Members, array, quote};

/// `{"type":"model","id":…,"display_name":…,"created_at":…,"lifecycle":"active"}`
pub(super) fn one(model: &ModelListing<'_>) -> Json {
    let mut out = Members::new();
    out.string("type", "model")
        .string("id", model.id)
        .string("display_name", model.id)
        .string("created_at", &instant(model.created_s))
        .string("lifecycle", "active");
    out.finish()
}

/// All of them at once: no client has to ask for more.
pub(super) fn list(models: &[ModelListing<'_>]) -> Json {
    let listed: Vec<Json> = models.iter().map(one).collect();
    let id = |model: Option<&ModelListing<'_>>| model.map_or_else(|| "null".to_owned(), |it| quote(it.id));
    let mut out = Members::new();
    out.raw("data", &array(&listed))
        .plain("has_more", false)
        .raw("first_id", &id(models.first()))
        .raw("last_id", &id(models.last()));
    out.finish()
}

/// Seconds since the epoch as RFC 3339. The days are counted as in Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>), in years that begin in March.
fn instant(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::{ModelListing, instant, list, one};

    #[test]
    fn models_as_this_wire_lists_them() {
        let model = ModelListing {
            id: "claude-brains-auto",
            owner: "brains",
            created_s: 1_700_000_000,
            context_window: None,
        };
        let shown = r#"{"type":"model","id":"claude-brains-auto","display_name":"claude-brains-auto","created_at":"2023-11-14T22:13:20Z","lifecycle":"active"}"#;
        assert_eq!(one(&model), shown);
        assert_eq!(
            list(&[model]),
            format!(
                r#"{{"data":[{shown}],"has_more":false,"first_id":"claude-brains-auto","last_id":"claude-brains-auto"}}"#
            )
        );
        assert_eq!(list(&[]), r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#);
    }

    #[test]
    fn an_instant_is_one_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(instant(seconds), shown);
        }
    }
}
