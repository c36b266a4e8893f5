//! What is not there, not done here or somebody else's, and what is not kept.

use std::time::Duration;

use brains_tests::counts::count;
use brains_tests::wire::{OPENAI, RESPONSES};
use brains_tests::{Answer, Brains, Client, Reply};
use serde_json::{Value, json};

use super::{PATH, databases, id, inputs, kept, on, over_all, response, say, texts, turn};

async fn delete(client: &Client, id: &str) -> Answer {
    Client::send(client.request(http::Method::DELETE, &format!("{PATH}/{id}"))).await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, param: Option<&str>) -> String {
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status, &error["code"], &error["param"]),
        (status, &json!(code), &json!(param)),
        "{error}"
    );
    assert_eq!(error["type"], "invalid_request_error", "{error}");
    error["message"].as_str().expect("a message").to_owned()
}

fn holds(folder: &std::path::Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holds(&path, text));
        } else if fs_err::read(&path)
            .is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_of_who_wants_nothing_kept() {
    for (lines, stores) in [
        ("", vec![json!(false)]),
        ("responses: {store: false}", vec![Value::Null, json!(true), json!(false)]),
    ] {
        let (upstreams, service) = over_all(None, lines).await;
        let client = &service.client;
        for ((wire, upstream), store) in
            upstreams.iter().flat_map(|one| stores.iter().map(move |store| (one, store)))
        {
            let wire = *wire;
            let mut names = Vec::new();
            for stream in [false, true] {
                let mut body = turn(wire, stream, &json!("the word is xyzzy-plugh"), None);
                body["store"] = store.clone();
                let answer = client.post(PATH, body.to_string()).await;
                let said = response(&answer);
                assert_eq!(said["store"], false);
                assert_eq!(answer.header("x-brains-loss"), if *store == json!(true) { "store" } else { "" });
                names.push(id(&said).to_owned());
            }
            for name in &names {
                refused(&kept(client, name).await, 404, "response_not_found", None);
                let next = client.post(PATH, turn(wire, false, &json!("two"), Some(name)).to_string()).await;
                refused(&next, 400, "previous_response_not_found", Some("previous_response_id"));
            }
            if wire.provider == RESPONSES.provider {
                assert!(
                    upstream.seen().iter().all(|seen| seen.json()["store"] == json!(false)),
                    "{:?}",
                    upstream.last()
                );
            }
        }
        let (home, _) = service.stop().await;
        assert_eq!(holds(&home.state(), "xyzzy-plugh"), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_is_as_if_it_were_not_there() {
    for database in databases() {
        let upstream = OPENAI.upstream().await;
        let service = Brains::start(on(database.as_ref(), OPENAI.setup(&upstream))).await;
        let admin = &service.client;
        for slug in ["ada", "bob"] {
            admin.operation("add_operator", &json!({"slug": slug})).await;
        }
        let mut clients = Vec::new();
        for (name, operator, scopes) in [
            ("one", "ada", json!(["gateway"])),
            ("two", "ada", json!(["gateway"])),
            ("three", "ada", json!(["gateway", "read"])),
            ("four", "bob", json!(["gateway", "read"])),
        ] {
            let input = json!({"name": name, "operator": operator, "scopes": scopes});
            let made = admin.operation("create_key", &input).await;
            clients.push(admin.with_key(made["key"].as_str().expect("a key")));
        }
        let [one, two, three, four] = clients.as_slice() else { panic!("four keys") };
        let said = say(one, &turn(OPENAI, false, &json!("mine"), None)).await;
        let name = id(&said);
        // Kept and waiting, and kept and written.
        for wait in [Duration::ZERO, Duration::from_millis(400)] {
            tokio::time::sleep(wait).await;
            for stranger in [two, four, admin] {
                let same = |text: &str| text.replace(name, "resp_nobody").replace("resp_nobody", "X");
                for (theirs, unknown) in [
                    (kept(stranger, name).await, kept(stranger, "resp_nobody").await),
                    (delete(stranger, name).await, delete(stranger, "resp_nobody").await),
                    (
                        stranger.get(&format!("{PATH}/{name}/input_items")).await,
                        stranger.get(&format!("{PATH}/resp_nobody/input_items")).await,
                    ),
                    (
                        stranger.post(&format!("{PATH}/{name}/cancel"), "").await,
                        stranger.post(&format!("{PATH}/resp_nobody/cancel"), "").await,
                    ),
                ] {
                    refused(&theirs, 404, "response_not_found", None);
                    assert_eq!(
                        (theirs.status, same(&theirs.text())),
                        (unknown.status, same(&unknown.text()))
                    );
                }
                let next = |previous| turn(OPENAI, false, &json!("yours"), Some(previous)).to_string();
                let (theirs, unknown) =
                    (stranger.post(PATH, next(name)).await, stranger.post(PATH, next("resp_nobody")).await);
                let message =
                    refused(&theirs, 400, "previous_response_not_found", Some("previous_response_id"));
                assert_eq!(message, format!("Previous response with id '{name}' not found."));
                assert_eq!(same(&theirs.text()), same(&unknown.text()));
                let mut named = turn(
                    OPENAI,
                    false,
                    &json!([{"type": "item_reference", "id": said["output"][0]["id"]}]),
                    None,
                );
                named["store"] = json!(false);
                refused(&stranger.post(PATH, named.to_string()).await, 400, "invalid_value", Some("input"));
            }
            for friend in [one, three] {
                assert_eq!(kept(friend, name).await.status, 200);
                say(friend, &turn(OPENAI, false, &json!("ours"), Some(name))).await;
            }
        }
        assert!(upstream.seen().iter().all(|seen| !seen.json().to_string().contains("yours")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_here_is_refused_by_its_name() {
    let (upstreams, service) = over_all(None, "").await;
    let client = &service.client;
    for (wire, upstream) in &upstreams {
        let wire = *wire;
        for (member, value) in [
            ("conversation", json!("conv_1")),
            ("conversation", json!({"id": "conv_1"})),
            ("background", json!(true)),
        ] {
            let mut body = turn(wire, true, &json!("x"), None);
            body[member] = value;
            refused(&client.post(PATH, body.to_string()).await, 400, "unsupported_parameter", Some(member));
        }
        assert_eq!(upstream.seen().len(), 0, "nothing was sent");
        let said = say(client, &turn(wire, false, &json!("x"), None)).await;
        let path = format!("{PATH}/{}", id(&said));
        let message =
            refused(&client.post(&format!("{path}/cancel"), "").await, 400, "response_not_cancellable", None);
        assert!(message.starts_with("Cannot cancel a synchronous response."), "{message}");
        for query in ["stream=true", "starting_after=3"] {
            let param = query.split('=').next();
            refused(&client.get(&format!("{path}?{query}")).await, 400, "unsupported_parameter", param);
        }
        for (query, param) in [("limit=0", "limit"), ("order=up", "order"), ("after=nope", "after")] {
            refused(
                &client.get(&format!("{path}/input_items?{query}")).await,
                400,
                "invalid_value",
                Some(param),
            );
        }
        for (method, path) in
            [(http::Method::PUT, path.clone()), (http::Method::GET, format!("{path}/cancel"))]
        {
            assert_eq!(Client::send(client.request(method, &path)).await.status, 405, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone() {
    for database in databases() {
        let upstream = RESPONSES.upstream().await;
        let service = Brains::start(on(database.as_ref(), RESPONSES.setup(&upstream))).await;
        let client = &service.client;
        for round in 0..count(10, 100) {
            let first = say(client, &turn(RESPONSES, round % 2 == 0, &json!("one"), None)).await;
            let second = say(client, &turn(RESPONSES, false, &json!("two"), Some(id(&first)))).await;
            let gone = delete(client, id(&first)).await;
            assert_eq!(
                (gone.status, gone.json()),
                (200, json!({"id": first["id"], "object": "response", "deleted": true}))
            );
            refused(&delete(client, id(&first)).await, 404, "response_not_found", None);
            // Half of a conversation is none.
            let next =
                client.post(PATH, turn(RESPONSES, false, &json!("x"), Some(id(&second))).to_string()).await;
            let message = refused(&next, 400, "previous_response_not_found", Some("previous_response_id"));
            assert!(message.contains(id(&first)), "{message}");
            assert_eq!(kept(client, id(&second)).await.status, 200);
            assert_eq!(texts(&json!({"messages": inputs(client, id(&second), "").await["data"]})), ["two"]);
        }
    }
}

/// Some servers count from one again, or have one id for all.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_an_upstream_gives_twice_names_nothing() {
    for database in databases() {
        let upstream = RESPONSES.upstream().await;
        let service = Brains::start(on(database.as_ref(), RESPONSES.setup(&upstream))).await;
        let body = (RESPONSES.text_body)("same");
        let same = json!(serde_json::from_str::<Value>(&body).expect("JSON")["id"]);
        let name = same.as_str().expect("an id");
        for wait in [0, 400] {
            upstream.then(Reply::json(200, body.clone()));
            say(&service.client, &turn(RESPONSES, false, &json!("one"), None)).await;
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        let next = turn(RESPONSES, false, &json!("x"), Some(name)).to_string();
        refused(
            &service.client.post(PATH, next).await,
            400,
            "previous_response_not_found",
            Some("previous_response_id"),
        );
        refused(&kept(&service.client, name).await, 404, "response_not_found", None);
    }
}
