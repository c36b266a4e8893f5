//! The table that the program carries: what its rows say can be so, and each says where it was read.

use std::collections::BTreeMap;

use crate::price::{ModelPrice, PriceTable, TableRow, TokenRate};

const TABLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/prices.json"));

/// Families of which two neighbours are a generation apart that the vendor priced anew.
const REPRICED: [&str; 5] = [
    "bedrock: amazonnova lite v",
    "bedrock: apacamazonnova lite v",
    "bedrock: euamazonnova lite v",
    "bedrock: usamazonnova lite v",
    "vercel_ai_gateway: gpt turbo",
];

fn rows() -> Vec<TableRow> {
    PriceTable::parse(TABLE).unwrap().rows().collect()
}

#[test]
fn each_row_has_source_licence_and_date() {
    let rows = rows();
    assert!(rows.len() >= 500, "{}", rows.len());
    for row in &rows {
        let place = format!("{}/{}", row.vendor, row.model);
        let read = row.provenance.as_ref().unwrap_or_else(|| panic!("{place} has no source"));
        assert!(read.url.starts_with("https://") && read.licence == "MIT", "{place}: {read:?}");
        let date: Vec<usize> = read.date.split('-').map(str::len).collect();
        assert!(date == [4, 2, 2] && read.date.starts_with("20"), "{place}: {}", read.date);
    }
}

#[test]
fn no_row_is_there_twice() {
    let table = PriceTable::parse(TABLE).unwrap();
    let mut hosts = BTreeMap::new();
    for (vendor, listed) in table.vendors() {
        for host in &listed.hosts {
            assert_eq!(hosts.insert(host.clone(), vendor), None, "{host} is of {vendor} and of another");
        }
        for other in &listed.aliases {
            assert_eq!(table.vendor_called(other), Some(vendor), "{other}");
        }
    }
    for row in table.rows() {
        assert_eq!(table.find(&row.vendor, &row.model), Some(&row.price));
        let lower = table.find(&row.vendor, &row.model.to_ascii_lowercase());
        assert_eq!(lower, Some(&row.price), "{}/{} has another row in other letters", row.vendor, row.model);
    }
}

#[test]
fn units_are_sane() {
    // A tenth of a cent to a thousand dollars per million tokens.
    let sane = |rate: Option<TokenRate>| rate.is_none_or(|rate| (1_000..=1_000_000_000).contains(&rate.0));
    for TableRow { vendor, model, price, .. } in rows() {
        let ModelPrice { input, cached_input, cache_write_5m, cache_write_1h, output, reasoning, .. } = price;
        let place = format!("{vendor}/{model}");
        let input = input.unwrap_or_else(|| panic!("{place} has no price of input"));
        for rate in [Some(input), cached_input, cache_write_5m, cache_write_1h, output, reasoning] {
            assert!(sane(rate), "{place}: {rate:?}");
        }
        assert!(cached_input.is_none_or(|cached| cached <= input), "{place}: the cache is dearer than none");
        assert!(cache_write_1h.zip(cache_write_5m).is_none_or(|(hour, five)| hour >= five), "{place}");
        for step in &price.above {
            assert!((10_000..=10_000_000).contains(&step.longer_than), "{place}: {step:?}");
            assert!(
                step.input.is_none_or(|long| long >= input && long.0 <= input.0 * 10),
                "{place}: {step:?}"
            );
        }
    }
}

/// The words of a name that are no version: models of one vendor that share them are a family.
fn family(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter_map(|part| {
        // A size is a part of the family, as is a letter behind a number.
        let is_size = part.ends_with(['b', 't']) && part.starts_with(|c: char| c.is_ascii_digit());
        let word: String = part.chars().filter(|c| is_size || c.is_ascii_alphabetic()).collect();
        Some(word).filter(|word| !word.is_empty())
    });
    parts.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_row_agrees_with_its_neighbours_of_one_family_within_a_factor_of_ten() {
    let mut families: BTreeMap<String, Vec<TableRow>> = BTreeMap::new();
    for row in rows() {
        families.entry(format!("{}: {}", row.vendor, family(&row.model))).or_default().push(row);
    }
    let mut apart = Vec::new();
    for (family, rows) in families.iter().filter(|(family, _)| !REPRICED.contains(&family.as_str())) {
        for kind in [|price: &ModelPrice| price.input, |price: &ModelPrice| price.output] {
            let rates: Vec<(&str, u64)> =
                rows.iter().filter_map(|row| Some((row.model.as_str(), kind(&row.price)?.0))).collect();
            for (at, (model, own)) in rates.iter().enumerate() {
                let neighbours = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
                let mut neighbours = neighbours.filter_map(|at| rates.get(at)).peekable();
                let agrees = |other: u64| own.max(&other) <= &(own.min(&other) * 10);
                if neighbours.peek().is_some() && !neighbours.any(|(_, other)| agrees(*other)) {
                    apart.push(format!("{family}: {model} at {own}"));
                }
            }
        }
    }
    assert!(apart.is_empty(), "{apart:#?}");
}
