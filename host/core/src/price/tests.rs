mod table;

use serde_json::json;

use super::*;
use crate::plane::trace::TraceUsage;

const SMALL: &str = r#"{
    "sources": { "s": { "url": "https://prices.example", "licence": "MIT", "date": "2026-01-31" } },
    "vendors": { "corp": { "source": "s", "hosts": ["api.corp.example", "*.cloud.example"], "aliases": ["corp_chat"],
        "models": {
            "Big-1": { "input": 3, "cached_input": 0.3, "output": 15 },
            "small": { "input": 0.25, "output": 1 },
            "dated-2025-01-01": { "input": 1, "output": 2 },
            "dated-2025-06-01": { "input": 1, "output": 2 },
            "moved-20250101": { "input": 1, "output": 2 },
            "moved-20250601": { "input": 5, "output": 9 } } },
      "other": { "source": "s", "hosts": ["api.other.example"], "models": { "small": { "input": 9, "output": 9 } } } }
}"#;

fn sonnet() -> ModelPrice {
    ModelPrice {
        input: Some(TokenRate(3_000_000)),
        cached_input: Some(TokenRate(300_000)),
        cache_write_5m: Some(TokenRate(3_750_000)),
        cache_write_1h: Some(TokenRate(6_000_000)),
        output: Some(TokenRate(15_000_000)),
        ..ModelPrice::default()
    }
}

fn settled(price: &ModelPrice, usage: TraceUsage) -> Option<Settlement> {
    price.in_force(PriceOrigin::Table, usage.input_tokens).settle(&usage)
}

#[test]
fn each_token_is_billed_once() {
    let usage = TraceUsage {
        input_tokens: 1_000,
        cached_tokens: 600,
        cache_write_5m_tokens: 200,
        cache_write_1h_tokens: 100,
        output_tokens: 50,
        reasoning_tokens: 20,
        estimated: false,
    };
    let expected = Settlement {
        cost: NanoDollars(100 * 3_000 + 600 * 300 + 200 * 3_750 + 100 * 6_000 + 50 * 15_000),
        saved: NanoDollars(600 * 2_700),
        cache_write: NanoDollars(200 * 3_750 + 100 * 6_000),
    };
    assert_eq!(settled(&sonnet(), usage), Some(expected));
    // An upstream whose parts are more than its whole is billed for the parts.
    let odd = TraceUsage { input_tokens: 1, cached_tokens: 10, ..TraceUsage::default() };
    assert_eq!(settled(&sonnet(), odd).map(|settled| settled.cost), Some(NanoDollars(3_000)));
}

#[test]
fn a_sum_is_rounded_once_and_half_goes_up() {
    let usage =
        |input, output| TraceUsage { input_tokens: input, output_tokens: output, ..TraceUsage::default() };
    let price =
        ModelPrice { input: Some(TokenRate(37_500)), output: Some(TokenRate(250)), ..ModelPrice::default() };
    let cost = |input, output| settled(&price, usage(input, output)).map(|settled| settled.cost.0);
    assert_eq!(cost(1, 0), Some(38));
    assert_eq!(cost(2, 0), Some(75));
    assert_eq!(cost(1, 2), Some(38), "37.5 and 0.5 are 38");
    assert_eq!(cost(0, 1), Some(0));
    assert_eq!(cost(0, 2), Some(1));
}

#[test]
fn what_nobody_says_is_not_known_and_never_zero() {
    let input = TraceUsage { input_tokens: 5, ..TraceUsage::default() };
    let both = TraceUsage { output_tokens: 5, ..input };
    let embedding = ModelPrice { input: Some(TokenRate(20_000)), ..ModelPrice::default() };
    assert_eq!(settled(&embedding, input).map(|settled| settled.cost), Some(NanoDollars(100)));
    assert_eq!(settled(&embedding, both), None);
    assert_eq!(settled(&ModelPrice::default(), input), None);

    let hour = TraceUsage { cache_write_1h_tokens: 5, ..input };
    let unsaid = ModelPrice { cache_write_1h: None, ..sonnet() };
    assert_eq!(
        settled(&unsaid, hour),
        None,
        "five minutes have a price of their own, so an hour has another"
    );
    let plain = ModelPrice { cache_write_5m: None, ..unsaid };
    assert_eq!(settled(&plain, hour).map(|settled| settled.cost), Some(NanoDollars(15_000)));
    assert!(ModelPrice::of_listing(r#"{"currency":"EUR","input":"cheap","output":-1}"#).is_none());
    assert_eq!(
        ModelPrice::of_listing(r#"{"input":0,"output":0,"x":1}"#),
        Some(ModelPrice { input: Some(TokenRate(0)), output: Some(TokenRate(0)), ..ModelPrice::default() }),
        "a provider that says zero says something"
    );
}

#[test]
fn a_longer_prompt_has_rates_of_its_own() {
    let long: LongPromptPrice =
        serde_json::from_value(json!({ "longer_than": 1_000, "input": 6, "output": 22.5 })).unwrap();
    let price = ModelPrice { above: vec![long], ..sonnet() };
    let usage = |input| TraceUsage { input_tokens: input, output_tokens: 2, ..TraceUsage::default() };
    let cost = |input| settled(&price, usage(input)).map(|settled| settled.cost.0);
    assert_eq!(cost(1_000), Some(1_000 * 3_000 + 2 * 15_000));
    assert_eq!(cost(1_001), Some(1_001 * 6_000 + 2 * 22_500));
}

#[test]
fn whatever_an_upstream_claims_stays_within_bounds() {
    let absurd = TraceUsage { input_tokens: u64::MAX, output_tokens: u64::MAX, ..TraceUsage::default() };
    assert_eq!(settled(&sonnet(), absurd).map(|settled| settled.cost), Some(NanoDollars(10_000_000_000_000)));
}

#[test]
fn amounts_are_written_with_the_digits_that_they_have() {
    for (text, thousandths) in
        [("3", 3_000_000), ("0.0375", 37_500), ("546.875", 546_875_000), ("0.000001", 1)]
    {
        let read: TokenRate = serde_json::from_str(text).unwrap();
        assert_eq!(read, TokenRate(thousandths), "{text}");
        assert_eq!(serde_json::to_value(read).unwrap().as_f64(), text.parse().ok(), "{text}");
    }
    for nanos in [0, 1, -1, 123_456_789, 9_999_999_999_999, -2_700] {
        let text = serde_json::to_string(&NanoDollars(nanos)).unwrap();
        assert_eq!(serde_json::from_str::<NanoDollars>(&text).unwrap(), NanoDollars(nanos), "{text}");
    }
    for bad in ["-1", "1e300", "\"3\"", "null"] {
        assert!(serde_json::from_str::<TokenRate>(bad).is_err(), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn rates_and_money_survive_json(rate in 0_u64..1_000_000_000_000, nanos in -10_000_000_000_000_i64..10_000_000_000_000) {
        let text = serde_json::to_string(&(TokenRate(rate), NanoDollars(nanos))).unwrap();
        let back: (TokenRate, NanoDollars) = serde_json::from_str(&text).unwrap();
        proptest::prop_assert_eq!(back, (TokenRate(rate), NanoDollars(nanos)));
    }

    #[test]
    fn what_is_saved_and_what_is_paid_are_what_it_would_cost_without_a_cache(
        plain in 0_u64..1_000_000, cached in 0_u64..1_000_000, output in 0_u64..100_000,
    ) {
        let usage = TraceUsage { input_tokens: plain + cached, cached_tokens: cached, output_tokens: output, ..TraceUsage::default() };
        let without = TraceUsage { cached_tokens: 0, ..usage };
        let (with, without) = (settled(&sonnet(), usage).unwrap(), settled(&sonnet(), without).unwrap());
        proptest::prop_assert_eq!(with.cost.0 + with.saved.0, without.cost.0);
    }
}

#[test]
fn a_model_finds_its_row_at_its_own_vendor_alone() {
    let table = PriceTable::parse(SMALL).unwrap();
    let input = |vendor: &str, model: &str| table.find(vendor, model).and_then(|price| price.input);
    for name in
        ["Big-1", "big-1", "corp/Big-1", "models/big-1", "big-1-20260131", "big-1-2026-01-31", "big-1-latest"]
    {
        assert_eq!(input("corp", name), Some(TokenRate(3_000_000)), "{name}");
    }
    assert_eq!(input("corp", "dated"), Some(TokenRate(1_000_000)), "all its versions have one price");
    assert_eq!(input("corp", "dated-latest"), Some(TokenRate(1_000_000)));
    for name in [
        "moved",
        "moved-latest",
        "moved-20260101",
        "big-1-mini",
        "big",
        "other/small",
        "big-1:free",
        "",
        "-20250101",
    ] {
        assert_eq!(input("corp", name), None, "{name}");
    }
    assert_eq!(input("other", "small"), Some(TokenRate(9_000_000)));
    assert_eq!(input("nobody", "small"), None);
}

#[test]
fn a_vendor_is_known_by_where_it_is_reached() {
    let table = PriceTable::parse(SMALL).unwrap();
    assert_eq!(table.vendor_at(["api.corp.example"]), Some("corp"));
    assert_eq!(table.vendor_at(["eu.cloud.example", "unknown.example"]), Some("corp"));
    for hosts in [
        &["cloud.example"][..],
        &["127.0.0.1"],
        &["api.corp.example.evil"],
        &["api.corp.example", "api.other.example"],
        &[],
    ] {
        assert_eq!(table.vendor_at(hosts.iter().copied()), None, "{hosts:?}");
    }
}

#[test]
fn the_operator_goes_before_the_provider_and_both_before_the_table() {
    let table = PriceTable::parse(SMALL).unwrap();
    let price = |dollars: f64| ModelPrice { input: TokenRate::of_dollars(dollars), ..ModelPrice::default() };
    let rows = |rows: &[(&str, f64)]| {
        rows.iter().map(|(model, dollars)| ((*model).to_owned(), price(*dollars))).collect()
    };
    let own = OwnPrices::from([
        ("mine".to_owned(), rows(&[("small", 7.0)])),
        ("corp".to_owned(), rows(&[("big-1", 8.0)])),
        ("local".to_owned(), rows(&[("*", 0.0)])),
    ]);
    let book = PriceBook { own: &own, table: &table };
    let (listed, aliases) = (price(5.0), ["local".to_owned()]);
    let ask = |name: &str, model: &str, vendor, listed| {
        let provider = PricedProvider { name, aliases: &[], vendor };
        book.find(provider, model, listed).map(|(origin, price)| (origin, price.input.unwrap().0 / 1_000))
    };
    assert_eq!(ask("mine", "small", Some("corp"), Some(&listed)), Some((PriceOrigin::Operator, 7_000)));
    assert_eq!(ask("mine", "small-2026-01-01", Some("corp"), None), Some((PriceOrigin::Operator, 7_000)));
    assert_eq!(ask("mine", "Big-1", Some("corp"), None), Some((PriceOrigin::Operator, 8_000)));
    assert_eq!(ask("else", "small", Some("corp"), Some(&listed)), Some((PriceOrigin::Provider, 5_000)));
    assert_eq!(ask("else", "small", Some("corp"), None), Some((PriceOrigin::Table, 250)));
    assert_eq!(ask("else", "small", None, None), None);
    let aliased = PricedProvider { name: "here", aliases: &aliases, vendor: None };
    assert_eq!(book.find(aliased, "any", None).map(|found| found.0), Some(PriceOrigin::Operator));
}

#[test]
fn a_table_that_says_too_little_or_too_much_is_refused() {
    let with = |models: &str| {
        format!(
            r#"{{"sources":{{"s":{{"url":"u","licence":"MIT","date":"d"}}}},"vendors":{{"v":{{"source":"s","hosts":[],"models":{{{models}}}}}}}}}"#
        )
    };
    assert!(PriceTable::parse(&with(r#""m":{"input":1}"#)).is_ok());
    for (models, why) in [
        (r#""m":{"input":1},"m":{"input":2}"#, "two prices"),
        (r#""m":{"input":1,"source":"t"}"#, "the source `t`"),
        (r#""m":{"inptu":1}"#, "unknown field"),
        (r#""m":{"input":-1}"#, "no price"),
    ] {
        let fault = PriceTable::parse(&with(models)).unwrap_err();
        assert!(fault.message.contains(why), "{models}: {fault}");
    }
}

#[test]
fn a_cost_map_is_read_by_vendor() {
    let table = PriceTable::parse(SMALL).unwrap();
    let rows = read_rows(include_str!("tests/cost_map.json"), &table).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].vendor.as_str(), rows[0].model.as_str()), ("corp", "new"));
    let expected: ModelPrice = serde_json::from_value(json!({
        "input": 3, "output": 15, "cached_input": 0.075, "cache_write_5m": 3.75, "cache_write_1h": 6,
        "above": [{ "longer_than": 200_000, "input": 6 }]
    }))
    .unwrap();
    assert_eq!(rows[0].price, expected);
    assert_eq!(read_rows(SMALL, &table).unwrap().len(), 7);
    for odd in ["[]", "{}", "x", r#"{"a":1}"#] {
        assert!(read_rows(odd, &table).is_err(), "{odd}");
    }
}
