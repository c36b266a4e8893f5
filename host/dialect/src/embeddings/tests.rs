use proptest::prelude::*;

use super::*;

fn read(body: &str) -> Result<EmbeddingsRequest, Invalid> {
    EmbeddingsRequest::read(&Envelope::scan(body.as_bytes())?)
}

#[test]
fn texts_come_alone_or_in_a_list() {
    let one = read(r#"{"model":"m","input":"a","dimensions":2}"#).unwrap();
    assert_eq!((one.inputs.as_slice(), one.dimensions), (["a".to_owned()].as_slice(), Some(2)));
    let two = read(r#"{"input":["a","b"],"user":"u","x":null,"encoding_format":"base64"}"#).unwrap();
    assert_eq!((two.model, two.inputs.len(), two.encoding), (None, 2, Encoding::Base64));
    assert_eq!(two.losses, ["user"]);
}

#[test]
fn what_is_wrong_is_named() {
    for (body, message) in [
        ("{}", "`input` is missing"),
        (r#"{"input":[]}"#, "`input`: expected at least one text"),
        (r#"{"input":7}"#, "`input`: expected a string or an array of strings, found a number"),
        // Together: langchain-ai/langchain#21575
        (r#"{"input":[1,2]}"#, "`input[0]`: tokens are not supported, send the text that they stand for"),
        (r#"{"input":["a",[1]]}"#, "`input[1]`: tokens are not supported, send the text that they stand for"),
        (r#"{"input":["a",null]}"#, "`input[1]`: expected a string, found null"),
        (r#"{"input":"a","dimensions":0}"#, "`dimensions`: expected a whole number from 1"),
        (r#"{"input":"a","encoding_format":"int8"}"#, "`encoding_format`: expected `float` or `base64`"),
        (r#"{"input":"a","input":"b"}"#, "`input` is given twice"),
    ] {
        assert_eq!(read(body).unwrap_err().message, message, "{body}");
    }
}

#[test]
fn an_answer_has_the_encoding_that_was_asked_for() {
    let vectors = Vectors { dim: 2, data: vec![0.5, -1.0, 2.0, 1e-7], input_tokens: 4 };
    let answer = |body: &str| read(body).unwrap().answer(&vectors, "m", 4);
    assert_eq!(
        answer(r#"{"input":["a","b"]}"#).unwrap(),
        concat!(
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},"#,
            r#"{"object":"embedding","index":1,"embedding":[2,0.0000001]}],"#,
            r#""model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}"#
        )
    );
    let base64 = answer(r#"{"input":["a","b"],"encoding_format":"base64"}"#).unwrap();
    assert!(base64.contains(r#""embedding":"AAAAPwAAgL8=""#), "{base64}");
    assert!(answer(r#"{"input":"a","dimensions":3}"#).unwrap_err().message.contains("2 numbers, 3 were"));
}

proptest! {
    #[test]
    fn base64_is_read_as_it_was_written(numbers in prop::collection::vec(any::<u32>(), 0..40)) {
        let numbers: Vec<f32> = numbers.into_iter().map(f32::from_bits).collect();
        let mut written = String::new();
        Encoding::Base64.write(&numbers, &mut written);
        let read = base64_numbers(written.trim_matches('"')).unwrap();
        let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read), bits(&numbers));
    }

    #[test]
    fn numbers_are_read_as_they_were_written(number in any::<f32>().prop_filter("finite", |it| it.is_finite())) {
        let mut written = String::new();
        Encoding::Float.write(&[number], &mut written);
        let read: Vec<f32> = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(read, vec![number]);
    }
}
