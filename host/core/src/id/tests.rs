#![expect(clippy::string_slice, reason = "cuts ASCII")]

use super::*;
use crate::time::tests::Still;

#[test]
fn ids_sort_by_time_and_come_back() {
    let clock = Still::at(1_700_000_000_000);
    let mut before: Option<Id<Trace>> = None;
    for step in 0..100 {
        clock.set(1_700_000_000_000 + step);
        let id = Id::<Trace>::mint(&clock);
        assert!(id.as_str().starts_with("trace_") && id.as_str().len() == 32, "{id}");
        assert_eq!(Id::parse(id.as_str()), Some(id.clone()));
        assert_eq!(serde_json::from_value::<Id<Trace>>(serde_json::to_value(&id).unwrap()).unwrap(), id);
        assert!(before.as_ref().is_none_or(|before| *before < id));
        before = Some(id);
    }
}

#[test]
fn the_text_is_a_uuid_of_version_7() {
    let id = Id::<Key>::mint(&Still::at(0x0123_4567_89AB));
    let bits = id.as_str()["key_".len()..].bytes().fold(0_u128, |bits, byte| {
        bits << 5 | ALPHABET.iter().position(|letter| *letter == byte).unwrap() as u128
    });
    assert_eq!(bits >> 80, 0x0123_4567_89AB);
    assert_eq!(uuid::Uuid::from_u128(bits).get_version_num(), 7);
}

#[test]
fn other_texts_are_no_ids() {
    let id = Id::<Key>::mint(&Still::at(1)).to_string();
    for text in [
        "",
        "key_",
        "key",
        &id["key_".len()..],
        &id.replace("key_", "op_"),
        &id.to_uppercase(),
        &format!("{id}0"),
        &id[..29],
    ] {
        assert_eq!(Id::<Key>::parse(text), None, "{text}");
    }
    assert_eq!(Id::<Key>::parse(&id.replacen("key_0", "key_8", 1)), None);
    assert_eq!(Id::<Key>::parse("key_0000000000000000000000000l"), None);
    assert!(serde_json::from_value::<Id<Operator>>(id.into()).is_err());
}
