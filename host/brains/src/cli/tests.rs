use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brains_control::Registry;
use serde_json::json;

use super::*;

fn parse<'a>(registry: &'a Registry, line: &[&str]) -> Result<Invocation<'a>, clap::Error> {
    let words = std::iter::once("brains").chain(line.iter().copied());
    understand(&command(registry).try_get_matches_from(words)?, registry)
}

#[track_caller]
fn serve(line: &[&str]) -> ServeAll {
    match parse(&Registry::new(), line).unwrap() {
        Invocation::Life(cli) => match cli.verb {
            Verb::Up(up) => up.serve,
            Verb::ServeAll(serve) => serve,
            Verb::Serve(serve) => (&serve).into(),
            other => panic!("{other:?}"),
        },
        other @ (Invocation::Account { .. }
        | Invocation::CompatVerb { .. }
        | Invocation::Operation { .. }) => {
            panic!("{other:?}")
        }
    }
}

#[test]
fn the_whole_command_line_is_sound() {
    command(&Registry::new()).debug_assert();
}

#[test]
fn every_verb_has_help_and_every_leaf_an_example() {
    fn walk(command: &clap::Command, path: &str) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let path = format!("{path} {}", inner.get_name());
            assert!(inner.get_about().is_some(), "{path} has no help");
            if inner.has_subcommands() {
                walk(inner, &path);
            } else {
                let examples = inner.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(examples.contains("brains "), "{path} has no example");
            }
        }
    }
    walk(&command(&Registry::new()), "brains");
}

#[test]
fn the_example_of_every_operation_gives_its_json() {
    let registry = Registry::new();
    for entry in registry.entries() {
        for example in entry.examples {
            let mut words = split_line(example.command);
            let expected: serde_json::Value = serde_json::from_str(example.input).unwrap();
            let scratch = tempfile::tempdir().unwrap();
            if let Some(wasm) = expected.get("wasm").and_then(|wasm| wasm.as_str()) {
                let named = words
                    .iter_mut()
                    .find(|word| Path::new(word).extension().is_some_and(|ending| ending == "wasm"))
                    .unwrap();
                let path = scratch.path().join(&*named);
                fs_err::write(&path, STANDARD.decode(wasm).unwrap()).unwrap();
                *named = path.to_str().unwrap().to_owned();
            }
            if let Some(list) = expected.get("workspaces") {
                let path = scratch.path().join("list.json");
                fs_err::write(&path, list.to_string()).unwrap();
                *words.last_mut().unwrap() = path.to_str().unwrap().to_owned();
            }
            if let Some(prices) = expected.get("from").and_then(|prices| prices.as_str()) {
                let path = scratch.path().join("prices.json");
                fs_err::write(&path, prices).unwrap();
                let named = words.iter_mut().find(|word| word.contains(".json")).unwrap();
                *named = path.to_str().unwrap().to_owned();
            }
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let asked =
                parse(&registry, &words).unwrap_or_else(|error| panic!("{}: {error}", example.command));
            let Invocation::Operation { entry: found, matches, .. } = asked else {
                panic!("{}", example.command)
            };
            assert_eq!(found.name, entry.name, "{}", example.command);
            if let Some(document) = expected.get("document").and_then(|document| document.as_str()) {
                let path = scratch.path().join("brains.yaml");
                fs_err::write(&path, document).unwrap();
                let words = [words[0], words[1], path.to_str().unwrap()];
                let Ok(Invocation::Operation { entry, matches, .. }) = parse(&registry, &words) else {
                    panic!("{words:?}")
                };
                assert_eq!(operation::input(entry, &matches, Path::new("absent")).unwrap(), expected);
                let Ok(Invocation::Operation { entry, matches, .. }) = parse(&registry, &words[..2]) else {
                    panic!("{words:?}")
                };
                assert_eq!(operation::input(entry, &matches, &path).unwrap(), expected);
                continue;
            }
            assert_eq!(
                operation::input(entry, &matches, Path::new("absent")).unwrap(),
                expected,
                "{}",
                example.command
            );
        }
    }
}

/// A command line split as a shell would, for the quotes that the examples use.
fn split_line(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut started) = (Vec::new(), String::new(), None, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'') => (quote, started) = (Some(c), true),
            (Some(open), _) if c == open => quote = None,
            (Some('"'), '\\') => word.extend(chars.next()),
            (None, ' ') if started => {
                words.push(std::mem::take(&mut word));
                started = false;
            }
            (None, ' ') => {}
            _ => {
                word.push(c);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    words
}

#[test]
fn where_to_serve() {
    let names = |wanted: &ServeAll| -> Vec<&str> {
        wanted.listeners().unwrap().into_iter().map(|listener| listener.name).collect()
    };
    assert_eq!(serve(&["up"]), ServeAll::default());
    assert_eq!(names(&ServeAll::default()), ["gateway", "mcp"]);
    let both = serve(&["up", "--gateway-host", "::1", "--gateway-port", "0"]);
    assert_eq!(
        both.overrides,
        [("gateway_host".to_owned(), json!("::1")), ("gateway_port".to_owned(), json!(0))].into()
    );
    assert_eq!(serve(&["serve-all", "--gateway-host", "::1", "--gateway-port", "0"]), both);
    let alone = serve(&["serve", "--host", "::1", "--port", "0"]);
    assert_eq!((names(&alone), alone.overrides), (vec!["gateway"], both.overrides));
    let tools = serve(&["serve-all", "--no-gateway", "--mcp-port", "1"]);
    assert_eq!((names(&tools), tools.overrides), (vec!["mcp"], [("mcp_port".to_owned(), json!(1))].into()));
    let nothing = serve(&["serve-all", "--no-gateway", "--no-mcp"]).listeners().unwrap_err();
    assert_eq!(nothing.hint.as_deref(), Some("leave out `--no-gateway` or `--no-mcp`"));
}

#[test]
fn what_is_not_there_is_a_usage_error() {
    for line in [
        &["up", "--gateway-port", "x"][..],
        &["serve", "--gateway-port", "1"],
        &["up", "--gateway-port", "65536"],
        &["task", "create"],
        &["admin-key"],
        &["logs", "-n", "-1"],
    ] {
        let error = parse(&Registry::new(), line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line:?}");
    }
}

#[test]
fn values_are_read_as_people_type_them() {
    let registry = Registry::new();
    let Ok(Invocation::Operation { entry, matches, global, .. }) =
        parse(&registry, &["--json", "explain", "-", "--request", "{model: brains-auto, n: 2}"])
    else {
        panic!("explain is an operation")
    };
    assert!(global.json);
    assert_eq!(entry.name, "explain_route");
    assert_eq!(matches.get_one::<String>("prompt").map(String::as_str), Some("-"));
    assert_eq!(operation::loose("{model: brains-auto, n: 2}"), json!({"model": "brains-auto", "n": 2}));
}

#[test]
fn the_admin_key_is_shown_only_when_asked_for() {
    let registry = Registry::new();
    for (line, revealed) in [(&["admin-key", "show"][..], false), (&["admin-key", "show", "--reveal"], true)]
    {
        let Ok(Invocation::Operation { entry, matches, .. }) = parse(&registry, line) else {
            panic!("{line:?}")
        };
        assert_eq!((entry.name, reveals(&matches)), ("show_admin_key", revealed));
    }
    let Ok(Invocation::Operation { matches, .. }) = parse(&registry, &["models"]) else { panic!("models") };
    assert!(!reveals(&matches));
}

#[test]
fn flat_verbs_stand_for_operations_that_take_what_they_send() {
    let registry = Registry::new();
    let session = "ses_01kax3v7yqe5nbp8w0c4mzt6rd";
    for (line, input) in [
        (
            &["task-create", "--title", "t", "--tags", "a,b"][..],
            json!({ "title": "t", "workspace": ".", "priority": "p2", "tags": "a,b" }),
        ),
        (
            &["task-list", "--status", "done"],
            json!({ "workspace": ".", "status": ["done"], "limit": 100, "full": true }),
        ),
        (
            &["task-claim", "--code", "APP-1", "--session", session],
            json!({ "task": "APP-1", "session": session }),
        ),
        (&["handoff-list", "--all"], json!({ "workspace": ".", "all": true })),
        (
            &["message-read", "--session", session, "--no-mark-read"],
            json!({ "session": session, "mark_read": false, "include_read": false, "limit": 50 }),
        ),
        (
            &["message-send", "--subject", "s", "--to-session", session],
            json!({ "subject": "s", "to": [session], "kind": "info" }),
        ),
        (&["events"], json!({ "limit": 100 })),
        (&["state", "--limit", "5"], json!({ "limit": 5, "full": true })),
        (
            &["state", "--workspace", "app", "--session", session],
            json!({ "workspace": "app", "session": session, "limit": 50, "full": true }),
        ),
    ] {
        let Ok(Invocation::CompatVerb { flat, entry, matches, .. }) = parse(&registry, line) else {
            panic!("{line:?}")
        };
        assert_eq!(flat.input(&matches), input, "{line:?}");
        entry.check(input).unwrap();
    }
    assert!(parse(&registry, &["task-claim", "--code", "APP-1"]).is_err(), "a session is required");
}

#[test]
fn every_verb_that_is_shown_stands_in_one_group_of_the_help() {
    let command = command(&Registry::new());
    let mut grouped: Vec<&str> = help::GROUPS.iter().flat_map(|(_, verbs)| verbs.iter().copied()).collect();
    let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    let mut shown: Vec<&str> = shown.map(clap::Command::get_name).filter(|name| *name != "help").collect();
    // The bundle adds these; a plain build has none.
    let accounts = super::account::names();
    shown.retain(|name| !accounts.iter().any(|account| account == name));
    grouped.sort_unstable();
    shown.sort_unstable();
    assert_eq!(grouped, shown);
    let mut command = command.clone();
    let text = command.render_help().to_string();
    for (group, verbs) in help::GROUPS {
        assert!(text.contains(&format!("\n{group}:\n")), "{group}: {text}");
        for verb in verbs {
            assert!(text.lines().any(|line| line.starts_with(&format!("  {verb} "))), "{verb}: {text}");
        }
    }
    assert!(text.contains("--json") && text.contains("Exit codes"), "{text}");
}

#[test]
fn the_help_and_the_readme_describe_one_product() {
    let readme = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let about = command(&Registry::new()).get_about().map(ToString::to_string).unwrap();
    assert!(readme.starts_with(&format!("# Brains\n\n{about}.")), "{about}");
}

/// Whether nothing in or below a command is hidden.
fn shown(command: &clap::Command) -> bool {
    command.get_subcommands().all(|inner| !inner.is_hide_set() && shown(inner))
}

#[test]
fn hidden_verbs_are_understood_and_nobody_is_sent_to_them() {
    let registry = Registry::new();
    let hidden: Vec<String> = command(&registry)
        .get_subcommands()
        .filter(|inner| inner.is_hide_set())
        .map(|inner| inner.get_name().to_owned())
        .collect();
    assert!(hidden.len() > 10, "{hidden:?}");
    let visible = help::visible(&command(&registry));
    visible.clone().debug_assert();
    assert!(shown(&visible), "what completions and pages are made of");
    let leaves =
        |command: &clap::Command| command.get_subcommands().filter(|inner| !inner.is_hide_set()).count();
    assert_eq!(leaves(&visible), leaves(&command(&registry)));
    let asked = |line: &[&str]| {
        let words = std::iter::once("brains").chain(line.iter().copied()).map(std::ffi::OsString::from);
        super::asked(words.collect::<Vec<_>>().into_iter(), &registry).map(drop)
    };
    let told = asked(&["task-creat"]).unwrap_err().to_string();
    assert!(told.contains("unrecognized") && !told.contains("task-create"), "{told}");
    let told = asked(&["tsk"]).unwrap_err().to_string();
    assert!(told.contains("task"), "{told}");
    for line in [&["mail", "read"][..], &["message", "read"], &["sessions"], &["watch", "--once"]] {
        assert!(asked(line).is_ok(), "{line:?}");
    }
}

#[test]
fn the_help_of_a_choice_names_what_there_is_to_choose() {
    let registry = Registry::new();
    let mut whole = command(&registry);
    whole.build();
    for entry in registry.entries() {
        let found = entry.cli.path.iter().try_fold(&whole, |command, word| command.find_subcommand(word));
        let text = found.unwrap().clone().render_long_help().to_string();
        for field in entry.fields() {
            let kind = match &field.kind {
                brains_control::FieldKind::List(of) => of,
                kind => kind,
            };
            if let brains_control::FieldKind::Choice(words) = kind {
                assert!(words.iter().all(|word| text.contains(word)), "{} --{}", entry.name, field.name);
            }
        }
    }
    let task_list = &registry.find("list_tasks").unwrap().fields();
    let status = task_list.iter().find(|field| field.name == "status").unwrap();
    assert!(status.kind.word().contains("in_progress"), "{}", status.kind.word());
}

#[test]
fn what_operations_say_is_said_in_commands_and_options() {
    let registry = Registry::new();
    let said = |text: &str| words::of_commands(text, &registry);
    assert_eq!(
        said("wait for it with `wait_ms`, ask its holder, or take it away with `steal_lock` and a reason"),
        "wait for it with `--wait-ms`, ask its holder, or take it away with `brains lock steal` and a reason"
    );
    assert_eq!(said("send `workspace`: a slug"), "send `--workspace`: a slug");
    assert_eq!(
        said("`brains status` has `a_word` and an odd ` in it"),
        "`brains status` has `a_word` and an odd ` in it"
    );
    // No fault of the rules names an operation or a member as only programs say it.
    for fault in [brains_core::plane::session::missing(), brains_core::plane::lock::stale(3, 4)] {
        let told = said(fault.hint.as_deref().unwrap());
        let names = registry.entries().iter().map(|entry| format!("`{}`", entry.name));
        assert!(
            names.into_iter().all(|name| !told.contains(&name)) && !told.contains("`session_token`"),
            "{told}"
        );
    }
}
