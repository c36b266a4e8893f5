//! What becomes of requests and answers on each pair, word for word. `golden/pairs/asked` holds `<case>.<client>.json` and
//! `golden/pairs/said` whole answers and streams, `<case>.<upstream>.json|sse|ndjson`; `sent` and `told` are written from them with
//! `UPDATE=1`, to be read. An answer belongs to the request of its own name, where there is one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use brains_dialect::ingress::Ingress;
use brains_dialect::sse::Frames;
use brains_dialect::translation::UpstreamWire;
use serde_json::Value;

use crate::wires::{
    CLIENTS, asked, client_name, encode, ending, identity, streamed, upstream_name, whole, written,
};

/// Every file by its path below `golden/pairs`.
type Files = BTreeMap<String, String>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/pairs")
}

fn read(below: &str) -> Files {
    let mut files = Files::new();
    for entry in fs_err::read_dir(folder().join(below)).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = format!("{below}/{}", path.file_name().unwrap().to_string_lossy());
        files.insert(name, fs_err::read_to_string(path).unwrap());
    }
    files
}

/// A whole answer or a stream, of the files that hold what upstreams say.
fn case(name: &str) -> (&str, UpstreamWire, bool) {
    let mut parts = name.trim_start_matches("said/").split('.');
    let (case, wire, kind) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let wire = UpstreamWire::ALL.into_iter().find(|known| upstream_name(*known) == wire);
    (case, wire.unwrap_or_else(|| panic!("`{name}` names no wire")), kind == "json")
}

/// What the upstream gets.
fn upstream_reading(client: Ingress, body: &str, wire: UpstreamWire) -> String {
    match encode(&asked(client, body.as_bytes(), wire), wire) {
        Ok(encoded) => {
            let body: Value = serde_json::from_str(&encoded.body).unwrap();
            format!("{body:#}\n-- lost: {}\n", encoded.losses.join(", "))
        }
        Err(fault) => format!("-- {:?}: {}\n", fault.kind, fault.message),
    }
}

/// What the client gets. A stream says what a whole answer says.
fn client_reading(
    client: Ingress,
    asked: Option<&String>,
    said: &str,
    wire: UpstreamWire,
    is_whole: bool,
) -> String {
    let identity = identity(client, asked.map(String::as_bytes));
    let events = if is_whole { whole(wire, said) } else { streamed(wire, &[said.as_bytes()]) };
    let events = match events {
        Ok(events) => events,
        Err(fault) => return format!("-- {:?}: {}\n", fault.kind, fault.message),
    };
    let answer = client.answer(&events, &identity).unwrap();
    let stream = written(client, &events, &identity).unwrap();
    let joined = client.joined(&Frames::default().push(stream.as_bytes()).unwrap(), &identity);
    let joined = joined.unwrap_or_else(|fault| panic!("{}: {stream}", fault.message));
    let values: [Value; 2] = [&answer, &joined].map(|json| serde_json::from_str(json).unwrap());
    assert_eq!(values[0], values[1], "a stream and a whole answer differ");
    if is_whole { format!("{answer}\n") } else { stream }
}

/// Everything that follows from what is asked and said.
fn readings() -> Files {
    let (questions, answers) = (read("asked"), read("said"));
    let mut readings = Files::new();
    for (name, body) in &questions {
        let Some((case, client)) = name.trim_start_matches("asked/").split_once('.') else {
            panic!("{name}")
        };
        let client =
            CLIENTS.into_iter().find(|known| client.strip_suffix(".json") == Some(client_name(*known)));
        let client = client.unwrap_or_else(|| panic!("`{name}` names no wire"));
        for wire in UpstreamWire::ALL {
            let place = format!("sent/{case}.{}.{}.txt", client_name(client), upstream_name(wire));
            readings.insert(place, upstream_reading(client, body, wire));
        }
    }
    for (name, said) in &answers {
        let (case, wire, is_whole) = case(name);
        assert!(is_whole || name.ends_with(ending(wire)), "{name}");
        for client in CLIENTS {
            let question = questions.get(&format!("asked/{case}.{}.json", client_name(client)));
            let kind = if is_whole { "json" } else { "sse" };
            let place = format!("told/{case}.{}.{}.{kind}", client_name(client), upstream_name(wire));
            readings.insert(place, client_reading(client, question, said, wire, is_whole));
        }
    }
    readings
}

/// Where the two differ: what is missing, what nobody asks for any more, what says something else.
fn differences(kept: &Files, readings: &Files) -> Vec<String> {
    let names = kept.keys().chain(readings.keys().filter(|name| !kept.contains_key(*name)));
    names.filter(|name| kept.get(*name) != readings.get(*name)).cloned().collect()
}

fn kept() -> Files {
    read("sent").into_iter().chain(read("told")).collect()
}

#[test]
fn what_becomes_of_each_is_what_is_kept() {
    let readings = readings();
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test says so by environment")]
    let update = std::env::var("UPDATE").is_ok_and(|value| value == "1");
    if update {
        for name in differences(&kept(), &readings) {
            let path = folder().join(&name);
            match readings.get(&name) {
                Some(reading) => {
                    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                    fs_err::write(path, reading).unwrap();
                }
                None => fs_err::remove_file(path).unwrap(),
            }
        }
    }
    let wrong = differences(&kept(), &readings);
    assert!(wrong.is_empty(), "read what `UPDATE=1` makes of {wrong:#?}");
}

#[test]
fn every_pair_has_its_cases() {
    let kept = kept();
    for client in CLIENTS {
        for wire in UpstreamWire::ALL {
            let pair = format!(".{}.{}.", client_name(client), upstream_name(wire));
            for (below, least) in [("sent/", 12), ("told/", 20)] {
                let count =
                    kept.keys().filter(|name| name.starts_with(below) && name.contains(&pair)).count();
                assert!(count >= least, "{below}{pair}: {count}");
            }
        }
    }
    assert!(kept.len() >= 120);
}

/// The comparison sees whatever is changed, lost or left over.
#[test]
fn a_planted_change_is_seen() {
    let readings = readings();
    for (name, text) in readings.iter().step_by(7) {
        let mut planted = readings.clone();
        planted.insert(name.clone(), text.replacen('e', "E", 1));
        assert_eq!(differences(&planted, &readings), std::slice::from_ref(name));
        planted.remove(name);
        assert_eq!(differences(&planted, &readings), std::slice::from_ref(name));
    }
    let mut planted = readings.clone();
    planted.insert("told/nobody-asked.chat.chat.json".to_owned(), String::new());
    assert_eq!(differences(&planted, &readings), ["told/nobody-asked.chat.chat.json"]);
}
