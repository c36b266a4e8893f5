//! Many workspaces at once: which directories are gone, what a pattern puts away and what it leaves, lists that are
//! imported whole or not at all.

use brains_tests::on_both_databases;
use brains_tests::team::{Database, Team};
use serde_json::{Value, json};

on_both_databases! { gone_directories_are_told_and_put_away a_pattern_puts_away_what_nobody_works_in lists_are_imported_whole_or_not_at_all }

async fn register(team: &Team, name: &str) {
    team.project(name);
    team.admin().operation("register_workspace", &json!({ "path": team.path(name) })).await;
}

async fn slugs(team: &Team) -> Vec<String> {
    let listed = team.admin().operation("list_workspaces", &json!({ "limit": 1000 })).await;
    named(&listed["workspaces"])
}

fn named(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| one["slug"].as_str().map(str::to_owned)).collect()
}

async fn gone_directories_are_told_and_put_away(database: Database) {
    let team = Team::start(database).await;
    for name in ["gone", "busy", "bare"] {
        register(&team, name).await;
    }
    let _agent = team.agent_in(0, "busy").await;
    for name in ["gone", "busy"] {
        fs_err::remove_dir_all(team.path(name)).expect("removed");
    }
    fs_err::remove_file(team.folder().join("bare/Cargo.toml")).expect("removed");
    let doctor = async |input: Value| team.admin().operation("check_workspaces", &input).await;
    let told = doctor(json!({})).await;
    assert_eq!(
        [
            &told["total"],
            &told["ok"],
            &told["missing_count"],
            &told["no_marker_count"],
            &told["pruned_missing"]
        ],
        [4, 1, 2, 1, 0],
        "{told}"
    );
    assert_eq!(
        (named(&told["missing"]), named(&told["no_marker"])),
        (vec!["busy".to_owned(), "gone".into()], vec!["bare".to_owned()])
    );
    // Saying what would be done does nothing.
    let would = doctor(json!({ "prune_missing": true })).await;
    assert_eq!((named(&would["kept"]), &would["pruned_missing"]), (vec!["busy".to_owned()], &json!(0)));
    assert_eq!(slugs(&team).await, ["app", "bare", "busy", "gone"]);
    let refused = team.admin().post("/api/ops/check_workspaces", r#"{"apply": true}"#).await;
    assert_eq!((refused.status, refused.json()["error"]["param"].as_str()), (400, Some("apply")));
    let done = doctor(json!({ "prune_missing": true, "apply": true })).await;
    assert_eq!(done["pruned_missing"], 1, "{done}");
    assert_eq!(done["kept"], json!([{ "slug": "busy", "reason": "sessions work in it" }]));
    assert_eq!(slugs(&team).await, ["app", "bare", "busy"]);
    // Put away, not deleted: it comes back with all that it was, and the log says what happened.
    team.admin().operation("unarchive_workspace", &json!({ "workspace": "gone" })).await;
    let events = team.admin().operation("list_events", &json!({ "workspace": "gone" })).await;
    let archived = events["events"].as_array().expect("a list").iter();
    let archived: Vec<&Value> = archived.filter(|event| event["kind"] == "workspace.archive").collect();
    assert_eq!(archived.len(), 1, "{events}");
    assert_eq!(archived[0]["detail"]["cause"], "missing");
    assert_eq!(team.admin().operation("verify_audit", &json!({})).await["ok"], true);
    team.stop().await;
}

async fn a_pattern_puts_away_what_nobody_works_in(database: Database) {
    let team = Team::start(database).await;
    for name in ["tmp-a", "tmp-b", "tmp-busy", "tmpx"] {
        register(&team, name).await;
    }
    let _agent = team.agent_in(0, "tmp-busy").await;
    team.project("tmp-secret");
    let secret = json!({ "path": team.path("tmp-secret"), "visibility": "private" });
    team.admin().operation("register_workspace", &secret).await;
    for (input, param) in [
        (json!({}), "slug_prefix"),
        (json!({ "apply": true }), "slug_prefix"),
        (json!({ "slug_prefix": [""] }), "slug_prefix"),
        (json!({ "path_contains": ["/nowhere", " "], "apply": true }), "path_contains"),
    ] {
        let refused = team.admin().post("/api/ops/prune_workspaces", input.to_string()).await;
        assert_eq!(
            (refused.status, refused.json()["error"]["param"].as_str()),
            (400, Some(param)),
            "{input}"
        );
    }
    let prune = async |input: Value| team.admin().operation("prune_workspaces", &input).await;
    // Letters stand for themselves: these are no patterns of a database.
    for odd in ["tmp_a", "%", "tmp-%"] {
        assert_eq!(prune(json!({ "slug_prefix": [odd] })).await["matched"], 0, "{odd}");
    }
    let would = prune(json!({ "slug_prefix": ["tmp-"], "path_contains": ["/tmpx"], "sample": 2 })).await;
    assert_eq!(
        (&would["matched"], &would["dry_run"], &would["archived"]),
        (&json!(5), &json!(true), &json!(0))
    );
    assert_eq!(named(&would["sample"]), ["tmp-a", "tmp-b"]);
    assert_eq!(named(&would["kept"]), ["tmp-busy"]);
    assert_eq!(would["patterns"], json!({ "slug_prefix": ["tmp-"], "path_contains": ["/tmpx"] }));
    assert_eq!(slugs(&team).await.len(), 6);

    // A member may not put away what others registered, and learns nothing of what it cannot see.
    let added = team.admin().operation("add_operator", &json!({ "slug": "bob" })).await;
    let bob = team.admin().with_key(added["key"].as_str().expect("a key"));
    let tried = bob.operation("prune_workspaces", &json!({ "slug_prefix": ["tmp-"], "apply": true })).await;
    assert_eq!((&tried["matched"], &tried["archived"]), (&json!(3), &json!(0)), "{tried}");
    assert_eq!(named(&tried["kept"]), ["tmp-a", "tmp-b", "tmp-busy"]);
    assert!(!tried.to_string().contains("secret"), "{tried}");

    let done = prune(json!({ "slug_prefix": ["tmp-"], "path_contains": ["/tmpx"], "apply": true })).await;
    assert_eq!(
        (&done["matched"], &done["dry_run"], &done["archived"]),
        (&json!(5), &json!(false), &json!(4))
    );
    assert_eq!(slugs(&team).await, ["app", "tmp-busy"]);
    assert_eq!(prune(json!({ "slug_prefix": ["tmp-a"], "apply": true })).await["matched"], 0, "done once");
    team.admin().operation("unarchive_workspace", &json!({ "workspace": "tmp-secret" })).await;
    assert_eq!(team.admin().operation("verify_audit", &json!({})).await["ok"], true);
    // The spellings that scripts know, and what they end with.
    let told = team.run(&["workspaces", "prune", "--slug-prefix", "tmp-", "--json"]).await;
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((&told["matched"], &told["dry_run"]), (&json!(2), &json!(true)));
    assert_eq!(team.run(&["workspaces", "prune"]).await.status.code(), Some(2), "a pattern is wanted");
    let told = team.run(&["workspaces", "doctor", "--json"]).await;
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    team.stop().await;
}

async fn lists_are_imported_whole_or_not_at_all(database: Database) {
    let team = Team::start(database).await;
    for name in ["one", "two"] {
        team.project(name);
    }
    let (one, two) = (team.path("one"), team.path("two"));
    for (list, param, status) in [
        (json!([{ "path": one }, { "slug": "x" }]), "workspaces[1].path", 400),
        (json!([{ "path": one }, { "path": two, "colour": "red" }]), "workspaces[1].colour", 400),
        (json!([{ "path": one }, { "path": two, "slug": "No Slug" }]), "workspaces[1].slug", 400),
        (json!([{ "path": one }, { "path": team.path("absent") }]), "workspaces[1].path", 404),
        (json!([{ "path": one }, { "path": "two" }]), "workspaces[1].path", 400),
        (json!([{ "path": one }, { "path": two, "slug": "app" }]), "workspaces[1].slug", 409),
        (json!([{ "path": one, "slug": "x" }, { "path": two, "slug": "x" }]), "workspaces[1].slug", 409),
    ] {
        let input = json!({ "workspaces": list });
        let refused = team.admin().post("/api/ops/import_workspaces", input.to_string()).await;
        let error = refused.json()["error"].clone();
        assert_eq!((refused.status, error["param"].as_str()), (status, Some(param)), "{list}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains("workspaces[1]")), "{error}");
        assert_eq!(slugs(&team).await, ["app"], "{list}");
    }
    // What is registered stays as it is; the order is that of the list, and a path may stand there twice.
    let list = json!([
        { "path": two, "name": "The Second" },
        { "path": team.path("app"), "slug": "other", "name": "Other" },
        { "path": one, "slug": "first" },
        { "path": one },
    ]);
    let done = team.admin().operation("import_workspaces", &json!({ "workspaces": list })).await;
    assert_eq!(done["imported"], 2, "{done}");
    assert_eq!(named(&done["workspaces"]), ["two", "app", "first", "first"]);
    let registered: Vec<bool> =
        done["workspaces"].as_array().expect("a list").iter().map(|one| one["registered"] == true).collect();
    assert_eq!(registered, [true, false, true, false]);
    assert_eq!(done["workspaces"][0]["name"], "The Second");
    let empty = team.admin().operation("import_workspaces", &json!({ "workspaces": [] })).await;
    assert_eq!(empty, json!({ "imported": 0, "workspaces": [], "next_cursor": null }));
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_from_the_command_line() {
    let team = Team::start(Database::Sqlite).await;
    team.project("one");
    let home = &team.services[0].home;
    let list = home.path().join("list.json");
    let import = async |text: &str| {
        fs_err::write(&list, text).expect("written");
        team.run(&["workspace-import", "list.json", "--json"]).await
    };
    for text in ["[{\"path\": ", "not JSON", "{\"path\": \"/x\"}", ""] {
        let refused = import(text).await;
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{text:?}: {said}");
        assert!(said.contains("list.json") || said.contains("workspaces"), "{text:?}: {said}");
    }
    let missing = team.run(&["workspace-import", "absent.json"]).await;
    assert_eq!(missing.status.code(), Some(3), "{}", String::from_utf8_lossy(&missing.stderr));
    let half = import(&json!([{ "path": team.path("one") }, { "path": "nowhere" }]).to_string()).await;
    let said = String::from_utf8_lossy(&half.stderr);
    assert_eq!(half.status.code(), Some(3), "{said}");
    assert!(said.contains("workspaces[1].path"), "{said}");
    assert_eq!(slugs(&team).await, ["app"], "nothing of any of them");
    // A path is told from where the command runs.
    fs_err::create_dir_all(home.path().join("here/.git")).expect("a directory");
    let done = import(&json!([{ "path": team.path("one") }, { "path": "here" }]).to_string()).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(
        (told["imported"].as_u64(), named(&told["workspaces"])),
        (Some(2), vec!["one".to_owned(), "here".into()])
    );
    team.stop().await;
}
