use serde_json::json;

use super::*;

#[test]
fn a_token_is_kept_for_its_session_until_that_ends() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(&folder.path().join("state"));
    let id = "ses_01kax3v7yqe5nbp8w0c4mzt6rd";
    let input = json!({ "session": id });
    assert_eq!(of(&home, &input, None), None);
    note(&home, "start_session", &json!({ "session_id": id, "session_token": "brs_1" })).unwrap();
    assert_eq!(of(&home, &input, None).unwrap().expose(), "brs_1");
    note(&home, "heartbeat_session", &json!({ "session_id": id })).unwrap();
    note(&home, "resume_session", &json!({ "session_id": id, "session_token": "brs_2" })).unwrap();
    assert_eq!(of(&home, &input, None).unwrap().expose(), "brs_2");
    // What stands in the environment is meant where nothing else is said.
    assert_eq!(of(&home, &json!({}), Some(id)).unwrap().expose(), "brs_2");
    assert_eq!(of(&home, &json!({ "session": "ses_other" }), Some(id)), None);
    assert_eq!(of(&home, &json!({}), Some("../admin-key")), None);
    for odd in [json!({}), json!({ "session": "../admin-key" }), json!({ "session": 5 })] {
        assert_eq!(of(&home, &odd, None), None, "{odd}");
    }
    note(&home, "end_session", &json!({ "session_id": id })).unwrap();
    note(&home, "end_session", &json!({ "session_id": id })).unwrap();
    assert_eq!(of(&home, &input, None), None);
}
