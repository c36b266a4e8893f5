use super::*;

#[test]
fn a_process_name_may_hold_anything() {
    let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 1 18446744073709551615";
    assert_eq!(parse_started(stat), Some(987_654));
    assert_eq!(parse_started(&stat.replace(") S", ") Z")), None, "it has ended");
    assert_eq!(parse_started("nonsense"), None);
}

#[test]
fn a_pid_is_only_itself_while_its_start_is_the_same() {
    let me = std::process::id();
    let ticks = started_ticks(me);
    assert!(alive(me, ticks));
    assert!(!alive(me, ticks.map(|ticks| ticks + 1)), "another process with the same number");
    assert!(!alive(u32::MAX, None));
}

#[test]
fn only_listening_sockets_own_a_port() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                 0: 0100007F:2253 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n   \
                 1: 0100007F:2253 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4343 1\n";
    assert_eq!(listening_inodes(table, 8787), vec![4242]);
    assert!(listening_inodes(table, 80).is_empty());
}

#[test]
fn the_owner_of_a_port_is_found() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let owner = port_owner(listener.local_addr().unwrap());
    assert_eq!(owner.map(|owner| owner.pid), Some(std::process::id()));
}
