use serde_json::{Value, json};

use super::{canonical, ecmascript};

#[test]
fn the_example_of_the_rfc() {
    let mut value: Value = serde_json::from_str(
        r#"{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#,
    )
    .unwrap();
    value["numbers"] =
        serde_json::from_str("[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]")
            .unwrap();
    let expected = concat!(
        r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(canonical(&value), expected);
}

#[test]
fn members_are_sorted_by_their_utf16_units() {
    // U+1F600 is written with surrogates, which come before U+FB33.
    let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "\u{20ac}": 3, "1": 4, "\r": 5, "\u{80}": 6, "ö": 7});
    assert_eq!(
        canonical(&value),
        "{\"\\r\":5,\"1\":4,\"\u{80}\":6,\"ö\":7,\"\u{20ac}\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}"
    );
}

#[test]
fn doubles_are_written_as_ecmascript_writes_them() {
    // The table of the RFC's appendix B.
    for (bits, text) in [
        (0x0000_0000_0000_0001_u64, "5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        (0x8000_0000_0000_0000, "0"),
    ] {
        assert_eq!(ecmascript(f64::from_bits(bits)), text, "{bits:016x}");
    }
    assert_eq!(
        canonical(&json!([1.0, -1.5, 10.0, 0, -7, i64::MAX])),
        "[1,-1.5,10,0,-7,9223372036854775807]".replace("9223372036854775807", "9223372036854776000")
    );
}

proptest::proptest! {
    #[test]
    fn a_canonical_double_reads_back(bits: u64) {
        let float = f64::from_bits(bits);
        if float.is_finite() {
            let read: f64 = ecmascript(float).parse().unwrap();
            // Minus zero is written as zero.
            proptest::prop_assert_eq!((read + 0.0).to_bits(), (float + 0.0).to_bits());
        }
    }
}
