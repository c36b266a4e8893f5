//! However a client spells a `data:` URL, one thing comes of it.

use super::{MediaSource, UnreadableMedia, encode_base64, from_url, kind};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0000IHDR";

fn read(url: &str) -> Result<(String, String), UnreadableMedia> {
    let (mime, source) = from_url(url)?;
    let MediaSource::Base64(data) = source else { return Ok((mime, "a URL".to_owned())) };
    Ok((mime, data))
}

/// NousResearch/hermes-agent#55432, BoundaryML/baml#1292, BerriAI/litellm#39977.
#[test]
fn spellings_do_not_matter() {
    let png = encode_base64(PNG);
    let jpeg = encode_base64(b"\xff\xd8\xff\xe0\0\x10JFIF");
    let expected = Ok(("image/png".to_owned(), png.clone()));
    for url in [
        format!("data:image/png;base64,{png}"),
        format!("DATA:image/PNG;BASE64,{png}"),
        format!("  data: image/png ; charset=utf-8 ; base64 ,{png}\n"),
        format!("data:image/png;name=a.png;base64,{}", png.replace('/', "_").replace('+', "-")),
        format!("data:image/png;base64,{}", png.trim_end_matches('=')),
        format!("data:image/png;base64,{}", png.replacen('G', "G\r\n", 1)),
        format!("data:image/png;base64,{}", png.replace('/', "%2F").replace('=', "%3D")),
        format!("data:;base64,{png}"),
        format!("data:application/octet-stream;base64,{png}"),
        format!("data:image/jpeg;base64,{png}"),
    ] {
        assert_eq!(read(&url), expected, "{url}");
    }
    for alias in ["image/jpg", "image/JPG", "image/pjpeg", "image/jpeg"] {
        assert_eq!(read(&format!("data:{alias};base64,{jpeg}")).unwrap().0, "image/jpeg", "{alias}");
        assert_eq!(read(&format!("data:{alias};base64,AAAA")).unwrap().0, "image/jpeg", "{alias}");
    }
    assert_eq!(read("https://a.example/x.png").unwrap(), (String::new(), "a URL".to_owned()));
}

#[test]
fn data_says_what_it_is() {
    for (bytes, expected) in [
        (&b"%PDF-1.7 x"[..], "application/pdf"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"BM........", "image/bmp"),
        (b"\0\0\0\x18ftypheic\0\0", "image/heic"),
        (b"plain text", "text/plain"),
    ] {
        assert_eq!(kind("Text/Plain; charset=utf-8", &encode_base64(bytes)), expected);
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    for (url, wrong) in [
        ("data:image/png,abc", UnreadableMedia::NotBase64),
        ("data:image/png;base64", UnreadableMedia::NotBase64),
        ("data:image/png;base64,", UnreadableMedia::Empty),
        ("data:image/png;base64,  \n", UnreadableMedia::Empty),
        ("data:image/png;base64,====", UnreadableMedia::Empty),
        ("data:image/png;base64,a!b=", UnreadableMedia::BadData),
        ("data:image/png;base64,AAAAA", UnreadableMedia::BadData),
        ("data:image/png;base64,AA=A", UnreadableMedia::BadData),
        ("data:image/png;base64,A%", UnreadableMedia::BadData),
        ("data:image/png;base64,äöü", UnreadableMedia::BadData),
    ] {
        assert_eq!(read(url), Err(wrong), "{url}");
    }
}
