use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::Millis;
use crate::config::{AtLimit, CheaperTier, SpendingBudget, Tier, UnpricedUse};
use crate::price::{LongPromptPrice, ModelPrice, PriceOrigin, TokenRate};

fn at(text: &str) -> Millis {
    text.parse().unwrap()
}

fn window(period: SpendingPeriod, zone: &str, moment: &str) -> (String, String, i64) {
    let SpendingWindow { starts_at, ends_at } = window_at(period, &time_zone(zone).unwrap(), at(moment));
    (starts_at.to_string(), ends_at.to_string(), ends_at.since(starts_at) / 3_600_000)
}

#[track_caller]
fn is_window(period: SpendingPeriod, zone: &str, moment: &str, expected: (&str, &str, i64)) {
    let (starts_at, ends_at, hours) = window(period, zone, moment);
    let expected = (format!("{}:00.000Z", expected.0), format!("{}:00.000Z", expected.1), expected.2);
    assert_eq!((starts_at, ends_at, hours), expected, "{zone} {moment}");
}

#[test]
fn days_follow_the_clocks_of_their_zone() {
    use SpendingPeriod::Day;
    is_window(Day, "UTC", "2026-11-30T13:30:00Z", ("2026-11-30T00:00", "2026-12-01T00:00", 24));
    // Clocks go forward, and back.
    is_window(Day, "Europe/Berlin", "2026-03-29T12:00:00Z", ("2026-03-28T23:00", "2026-03-29T22:00", 23));
    is_window(Day, "Europe/Berlin", "2026-10-25T12:00:00Z", ("2026-10-24T22:00", "2026-10-25T23:00", 25));
    is_window(Day, "Asia/Shanghai", "2026-11-30T15:59:59Z", ("2026-11-29T16:00", "2026-11-30T16:00", 24));
    is_window(Day, "Asia/Shanghai", "2026-11-30T16:00:00Z", ("2026-11-30T16:00", "2026-12-01T16:00", 24));
    // There is no midnight: clocks go from 24:00 to 01:00.
    is_window(Day, "Asia/Beirut", "2026-03-29T09:00:00Z", ("2026-03-28T22:00", "2026-03-29T21:00", 23));
    // There are two: the day begins with the first.
    is_window(Day, "America/Havana", "2024-11-03T12:00:00Z", ("2024-11-03T04:00", "2024-11-04T05:00", 25));
    // A day that a zone never had (30 December 2011) belongs to none.
    is_window(Day, "Pacific/Apia", "2011-12-30T09:59:59Z", ("2011-12-29T10:00", "2011-12-30T10:00", 24));
}

#[test]
fn weeks_begin_on_monday_and_months_on_their_first() {
    use SpendingPeriod::{Month, Week};
    is_window(Week, "UTC", "2026-11-29T23:59:59Z", ("2026-11-23T00:00", "2026-11-30T00:00", 168));
    is_window(Week, "UTC", "2026-11-30T00:00:00Z", ("2026-11-30T00:00", "2026-12-07T00:00", 168));
    is_window(
        Week,
        "America/New_York",
        "2026-11-01T12:00:00Z",
        ("2026-10-26T04:00", "2026-11-02T05:00", 169),
    );
    is_window(Month, "UTC", "2028-02-29T23:00:00Z", ("2028-02-01T00:00", "2028-03-01T00:00", 29 * 24));
    is_window(Month, "UTC", "2026-12-31T23:59:59Z", ("2026-12-01T00:00", "2027-01-01T00:00", 31 * 24));
    is_window(
        Month,
        "Europe/Berlin",
        "2026-10-31T23:30:00Z",
        ("2026-10-31T23:00", "2026-11-30T23:00", 30 * 24),
    );
}

#[test]
fn a_zone_is_one_of_the_database() {
    assert!(time_zone("Europe/Berlin").is_some() && time_zone("UTC").is_some());
    for wrong in ["", "Europe/Berlim", "../etc/passwd", "+01:00:00:00", "CET-1CEST,M3"] {
        assert!(time_zone(wrong).is_none(), "{wrong}");
    }
}

proptest! {
    /// Each moment is in one window: it is in its own, and the next begins where this one ends.
    #[test]
    fn windows_leave_no_moment_out(
        moment in -2_000_000_000_000_i64..32_000_000_000_000,
        zone in proptest::sample::select(vec![
            "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe",
            "Asia/Kathmandu", "America/Havana", "Africa/Cairo",
        ]),
        period in proptest::sample::select(vec![SpendingPeriod::Day, SpendingPeriod::Week, SpendingPeriod::Month]),
    ) {
        let zone: TimeZone = time_zone(zone).unwrap();
        let window = window_at(period, &zone, Millis(moment));
        prop_assert!(window.holds(Millis(moment)), "{window:?}");
        let next = window_at(period, &zone, window.ends_at);
        prop_assert_eq!(next.starts_at, window.ends_at);
        prop_assert_eq!(window_at(period, &zone, Millis(window.ends_at.0 - 1)), window);
        prop_assert_eq!(window_at(period, &zone, window.starts_at), window);
    }
}

#[test]
fn the_last_moments_have_a_window() {
    let utc = time_zone("UTC").unwrap();
    for period in [SpendingPeriod::Day, SpendingPeriod::Week, SpendingPeriod::Month] {
        let window = window_at(period, &utc, Millis::LAST);
        assert!(window.starts_at < window.ends_at && window.ends_at <= Millis::LAST, "{window:?}");
    }
}

/// A rate that is known.
const fn rate(rate: u64) -> TokenRate {
    TokenRate(rate)
}

fn cost(price: &ModelPrice, input_tokens: u64, output_tokens: u64) -> Option<i64> {
    dearest_cost(PriceOrigin::Operator, price, RequestSize { input_tokens, output_tokens }).map(|cost| cost.0)
}

#[test]
fn a_request_may_cost_the_dearest_of_what_it_may_be_billed() {
    let price = ModelPrice {
        input: Some(rate(3_000_000)),
        cached_input: Some(rate(300_000)),
        cache_write_5m: Some(rate(3_750_000)),
        cache_write_1h: Some(rate(6_000_000)),
        output: Some(rate(15_000_100)),
        request: Some(crate::price::NanoDollars(7)),
        ..ModelPrice::default()
    };
    assert_eq!(cost(&price, 10, 2), Some(10 * 6_000 + 30_001 + 7), "rounded up");
    assert_eq!(cost(&price, 0, 0), Some(7));
    let long = LongPromptPrice {
        longer_than: 100,
        input: Some(rate(9_000_000)),
        cached_input: None,
        cache_write_5m: None,
        cache_write_1h: None,
        output: None,
        reasoning: None,
    };
    let long = ModelPrice { above: vec![long], ..price.clone() };
    assert_eq!((cost(&long, 100, 0), cost(&long, 101, 0)), (Some(600_007), Some(909_007)));
    assert_eq!(cost(&ModelPrice { output: None, ..price.clone() }, 1, 1), None, "unknown is not zero");
    assert_eq!(cost(&ModelPrice { output: None, ..price.clone() }, 1, 0), Some(6_007));
    assert_eq!(cost(&ModelPrice { input: None, ..price.clone() }, 1, 0), None);
    assert_eq!(cost(&price, u64::MAX, u64::MAX), Some(i64::MAX), "no size is too large");
    let free = ModelPrice { input: Some(rate(0)), output: Some(rate(0)), ..ModelPrice::default() };
    assert_eq!(cost(&free, 1_000, 1_000), Some(0));
}

#[test]
fn a_request_is_worth_each_call_that_may_be_billed() {
    let tier = |hedge_after_ms, continue_cut| Tier { hedge_after_ms, continue_cut, ..Tier::default() };
    for (tier, candidates, calls) in [
        (None, 3, 1),
        (Some(tier(None, false)), 3, 1),
        (Some(tier(Some(500), false)), 3, 2),
        (Some(tier(Some(500), true)), 2, 3),
        (Some(tier(Some(500), true)), 1, 2),
    ] {
        assert_eq!(calls_at_most(tier.as_ref(), candidates), calls, "{tier:?}");
    }
    let one = SpendingAmount { usd: NanoDollars(7), tokens: 11 };
    assert_eq!(one.times(3), SpendingAmount { usd: NanoDollars(21), tokens: 33 });
}

fn budget(limit_usd: Option<i64>, limit_tokens: Option<u64>) -> SpendingBudget {
    SpendingBudget {
        per: SpendingScope::Key,
        only: None,
        window: SpendingPeriod::Day,
        zone: "UTC".into(),
        limit_usd: limit_usd.map(NanoDollars),
        limit_tokens,
        warn_at_percent: 80,
        cheaper: None,
        at_limit: AtLimit::Stop,
        unpriced: UnpricedUse::Refuse,
    }
}

fn standing(budget: SpendingBudget, spent: (i64, u64), reserved: (i64, u64)) -> BudgetStanding {
    let amount = |(nanos, tokens)| SpendingAmount { usd: NanoDollars(nanos), tokens };
    let window = window_at(budget.window, &time_zone(&budget.zone).unwrap(), at("2026-11-30T12:00:00Z"));
    BudgetStanding {
        name: "b".into(),
        counter: SpendingCounter { per: budget.per, subject: "s".into(), window },
        budget,
        count: SpendingCount { spent: amount(spent), reserved: amount(reserved), unpriced: 0 },
    }
}

fn wish(nanos: i64, tokens: u64) -> SpendingWish {
    let worth = SpendingAmount { usd: NanoDollars(nanos), tokens };
    SpendingWish { worth, unpriced: false, automatic: true, may_move: true }
}

#[test]
fn what_fits_is_admitted_and_not_a_nano_more() {
    use SpendingVerdict::{Admit, Stop, Wait};
    for (spent, reserved, worth, verdict) in [
        ((0, 0), (0, 0), (100, 0), Admit),
        ((0, 0), (0, 0), (101, 0), Stop(0)),
        ((60, 0), (0, 0), (40, 0), Admit),
        ((60, 0), (1, 0), (40, 0), Wait(0)),
        ((61, 0), (0, 0), (40, 0), Stop(0)),
        ((100, 0), (0, 0), (0, 0), Admit),
        ((120, 0), (0, 0), (0, 0), Stop(0)),
        ((0, 50), (0, 0), (0, 50), Admit),
        ((0, 50), (0, 1), (0, 50), Wait(0)),
        ((0, 51), (0, 0), (0, 50), Stop(0)),
    ] {
        let standing = standing(budget(Some(100), Some(100)), spent, reserved);
        assert_eq!(judge(&[standing], wish(worth.0, worth.1)), verdict, "{spent:?} {reserved:?} {worth:?}");
    }
    assert_eq!(judge(&[], wish(i64::MAX, u64::MAX)), Admit);
}

#[test]
fn of_several_budgets_the_one_says_it_that_lasts_longest() {
    let day = standing(budget(Some(10), None), (10, 0), (0, 0));
    let month = SpendingBudget { window: SpendingPeriod::Month, ..budget(Some(10), None) };
    let month = standing(month, (10, 0), (0, 0));
    let held = standing(budget(Some(10), None), (0, 0), (10, 0));
    let calm = standing(budget(Some(1_000), None), (0, 0), (0, 0));
    let all = [day, held, month, calm];
    assert_eq!(judge(&all, wish(1, 0)), SpendingVerdict::Stop(2));
    assert_eq!(judge(&all[1..2], wish(1, 0)), SpendingVerdict::Wait(0));
    assert_eq!(nearest_limit(&all).map(|it| it.budget.window), Some(SpendingPeriod::Month));
    assert_eq!(all[3].used_permille(), 0);
}

#[test]
fn a_limit_that_warns_stops_nobody() {
    let warning = SpendingBudget { at_limit: AtLimit::Warn, ..budget(Some(10), None) };
    let standing = standing(warning, (25, 0), (0, 0));
    assert!(standing.warns());
    assert_eq!(standing.used_permille(), 2_500);
    let unpriced = SpendingWish { unpriced: true, ..wish(1_000, 0) };
    assert_eq!(judge(&[standing], unpriced), SpendingVerdict::Admit);
}

#[test]
fn near_a_limit_a_cheaper_tier_goes_before_a_refusal() {
    let cheaper = |named| SpendingBudget {
        cheaper: Some(CheaperTier { tier: "cheap".into(), at_percent: 80, named }),
        ..budget(Some(100), None)
    };
    let moved = SpendingVerdict::Cheaper(0, "cheap".into());
    let near = |named| vec![standing(cheaper(named), (75, 0), (0, 0))];
    assert_eq!(judge(&near(false), wish(4, 0)), SpendingVerdict::Admit, "79 of 100");
    assert_eq!(judge(&near(false), wish(5, 0)), moved);
    assert_eq!(judge(&near(false), wish(500, 0)), moved, "and then it is seen whether that fits");
    let stays = |wish| SpendingWish { may_move: false, ..wish };
    assert_eq!(judge(&near(false), stays(wish(5, 0))), SpendingVerdict::Admit);
    assert_eq!(judge(&near(false), stays(wish(500, 0))), SpendingVerdict::Stop(0));
    // What a client named stays what it is, unless the operator says otherwise.
    let named = |wish| SpendingWish { automatic: false, ..wish };
    assert_eq!(judge(&near(false), named(wish(5, 0))), SpendingVerdict::Admit);
    assert_eq!(judge(&near(true), named(wish(5, 0))), moved);
}

#[test]
fn an_unknown_price_is_refused_counted_or_no_matter() {
    let unknown = SpendingWish { unpriced: true, ..wish(0, 10) };
    assert_eq!(
        judge(&[standing(budget(Some(1), None), (0, 0), (0, 0))], unknown),
        SpendingVerdict::Unpriced(0)
    );
    let counting = SpendingBudget { unpriced: UnpricedUse::Count, ..budget(Some(1), None) };
    assert_eq!(judge(&[standing(counting, (0, 0), (0, 0))], unknown), SpendingVerdict::Admit);
    let tokens = budget(None, Some(10));
    assert_eq!(judge(&[standing(tokens, (0, 0), (0, 0))], unknown), SpendingVerdict::Admit);
}

#[test]
fn a_limit_of_nothing_is_used_from_the_start() {
    let nothing = standing(budget(Some(0), None), (0, 0), (0, 0));
    assert!(nothing.warns() && nothing.is_used_up());
    assert_eq!(judge(&[nothing], wish(1, 0)), SpendingVerdict::Stop(0));
}
