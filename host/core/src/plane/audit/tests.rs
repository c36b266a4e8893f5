use super::{Break, BreakReason, ChainWalk, Entry, GENESIS, HandOver, Seal, SealingKey, Trusted};
use crate::time::Millis;

fn key(seed: u8) -> SealingKey {
    SealingKey::from_seed(&[seed; 32])
}

fn chain(length: i64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for seq in 1..=length {
        let prev_hash = entries.last().map_or_else(|| GENESIS.to_owned(), |entry| entry.hash.clone());
        let mut entry = Entry {
            id: format!("aud_{seq}"),
            scope: "global".into(),
            seq,
            at: Millis(1_790_000_000_000 + seq),
            operator: "ann".into(),
            key: Some("key_1".into()),
            session: (seq % 2 == 0).then(|| "ses_1".into()),
            surface: Some("mcp".into()),
            agent: seq % 2 == 0,
            action: "thing.make".into(),
            detail: format!(r#"{{"index":{seq}}}"#),
            prev_hash,
            hash: String::new(),
        };
        entry.hash = entry.digest();
        entries.push(entry);
    }
    entries
}

fn seal(by: &SealingKey, entry: &Entry) -> Seal {
    by.seal(&entry.scope, entry.seq, &entry.hash, entry.at.0)
}

/// Walks entries, with seals judged where they stand, to a head.
fn walk(entries: &[Entry], seals: &[Seal], head: &Seal, trusted: &Trusted) -> Result<i64, Break> {
    let mut walk = ChainWalk::new("global", trusted);
    for entry in entries {
        walk.entry(entry)?;
        for seal in seals.iter().filter(|seal| seal.seq == entry.seq) {
            walk.seal(seal)?;
        }
    }
    for seal in seals.iter().filter(|seal| seal.seq > walk.seq()) {
        walk.seal(seal)?;
    }
    walk.end(Some((head.seq, &head.hash, Some(head))))?;
    Ok(walk.seq())
}

#[test]
fn a_sound_chain_is_sound_from_any_seal() {
    let (ours, entries) = (key(1), chain(5));
    let trusted = Trusted::new([ours.public().to_owned()], &[]);
    let head = seal(&ours, &entries[4]);
    assert_eq!(walk(&entries, &[seal(&ours, &entries[2])], &head, &trusted), Ok(5));
    let mut half = ChainWalk::from_seal("global", &trusted, &seal(&ours, &entries[2])).unwrap();
    for entry in &entries[3..] {
        half.entry(entry).unwrap();
    }
    assert_eq!(half.end(Some((5, &entries[4].hash, Some(&head)))), Ok(()));
    let empty = ChainWalk::new("global", &trusted);
    assert_eq!((empty.end(None), empty.end(Some((0, GENESIS, None)))), (Ok(()), Ok(())));
}

#[test]
fn whatever_is_done_to_an_entry_is_found() {
    let (ours, entries) = (key(1), chain(5));
    let trusted = Trusted::new([ours.public().to_owned()], &[]);
    let head = seal(&ours, &entries[4]);
    let edits: [fn(&mut Entry); 12] = [
        |entry| entry.id.push('x'),
        |entry| entry.at = entry.at.plus_ms(1),
        |entry| entry.operator.push('x'),
        |entry| entry.key = None,
        |entry| entry.session = Some("ses_2".into()),
        |entry| entry.surface = None,
        |entry| entry.agent = !entry.agent,
        |entry| entry.action.push('x'),
        |entry| entry.detail.push(' '),
        |entry| entry.prev_hash = GENESIS.into(),
        |entry| entry.hash = GENESIS.into(),
        |entry| entry.surface = entry.session.take(),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let mut edited = entries.clone();
        edit(&mut edited[3]);
        let found = walk(&edited, &[], &head, &trusted);
        assert_eq!(found, Err(Break { seq: 4, reason: BreakReason::Edited }), "edit {number}");
    }
    for gone in 0..5 {
        let mut shorter = entries.clone();
        shorter.remove(gone);
        let seq = i64::try_from(gone).unwrap();
        let reason = if gone == 4 { (4, BreakReason::Head) } else { (seq + 1, BreakReason::Missing) };
        assert_eq!(walk(&shorter, &[], &head, &trusted), Err(Break { seq: reason.0, reason: reason.1 }));
    }
    let mut swapped = entries.clone();
    swapped.swap(1, 2);
    assert_eq!(walk(&swapped, &[], &head, &trusted).unwrap_err().reason, BreakReason::Missing);
    assert_eq!(walk(&[], &[], &head, &trusted).unwrap_err().reason, BreakReason::Head);
}

#[test]
fn a_chain_that_was_made_anew_needs_the_key() {
    let (ours, entries) = (key(1), chain(5));
    let trusted = Trusted::new([ours.public().to_owned()], &[]);
    let kept = seal(&ours, &entries[2]);
    let mut forged = chain(5);
    forged[0].operator = "eve".into();
    for at in 0..5 {
        if at > 0 {
            forged[at].prev_hash = forged[at - 1].hash.clone();
        }
        forged[at].hash = forged[at].digest();
    }
    let stranger = seal(&key(2), &forged[4]);
    assert_eq!(walk(&forged, &[], &stranger, &trusted).unwrap_err().reason, BreakReason::Stranger);
    let mut lifted = seal(&ours, &entries[4]);
    lifted.hash = forged[4].hash.clone();
    assert_eq!(walk(&forged, &[], &lifted, &trusted).unwrap_err().reason, BreakReason::Forged);
    let mut renamed = stranger;
    renamed.key = ours.public().to_owned();
    assert_eq!(walk(&forged, &[], &renamed, &trusted).unwrap_err().reason, BreakReason::Forged);
    // Even with the key: a seal that was kept elsewhere knows better.
    let resealed = seal(&ours, &forged[4]);
    assert_eq!(
        walk(&forged, std::slice::from_ref(&kept), &resealed, &trusted).unwrap_err().reason,
        BreakReason::Rewritten
    );
    let unsealed = ChainWalk::new("global", &trusted);
    assert_eq!(unsealed.end(Some((0, GENESIS, None))), Ok(()));
    // An older state put back, head and all.
    let older = seal(&ours, &entries[1]);
    let found = walk(&entries[..2], &[kept], &older, &trusted);
    assert_eq!(found, Err(Break { seq: 3, reason: BreakReason::RolledBack }));
}

#[test]
fn a_head_without_a_signature_is_found() {
    let (ours, entries) = (key(1), chain(1));
    let trusted = Trusted::new([ours.public().to_owned()], &[]);
    let mut walk = ChainWalk::new("global", &trusted);
    walk.entry(&entries[0]).unwrap();
    assert_eq!(
        walk.end(Some((1, &entries[0].hash, None))),
        Err(Break { seq: 1, reason: BreakReason::Unsealed })
    );
}

#[test]
fn trust_is_handed_over_by_both_keys() {
    let (first, second, third, eve) = (key(1), key(2), key(3), key(9));
    let overs = [HandOver::new(&first, &second, 1), HandOver::new(&second, &third, 2)];
    for root in [&first, &second, &third] {
        let trusted = Trusted::new([root.public().to_owned()], &overs);
        assert!([&first, &second, &third].iter().all(|key| trusted.holds(key.public())), "{root:?}");
        assert!(!trusted.holds(eve.public()));
    }
    // She can name us as her successor or predecessor, but not sign for us.
    let mut claimed = HandOver::new(&eve, &eve, 3);
    claimed.to = first.public().to_owned();
    assert!(!Trusted::new([first.public().to_owned()], &[claimed]).holds(eve.public()));
    let mut moved = HandOver::new(&first, &second, 1);
    moved.at = 9;
    assert!(!moved.is_signed());
}

#[test]
fn key_files_may_have_been_touched_by_an_editor() {
    let ours = key(7);
    let text = ours.text().expose().to_owned();
    assert_eq!(text.len(), 64);
    for given in [text.clone(), format!(" \t{text}\r\n\n"), text.to_uppercase()] {
        assert_eq!(SealingKey::parse(&given).unwrap().public(), ours.public());
    }
    let longer = format!("{text}00");
    for bad in ["", "xyz", text.get(1..).unwrap(), &longer, &text.replace('0', "g")] {
        assert!(SealingKey::parse(bad).is_none(), "{bad}");
    }
    assert!(!format!("{ours:?}").contains(&text));
}
