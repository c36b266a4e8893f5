//! Which addresses are public, which origins are granted, and that both are held to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::server::{Server, peer};
use super::{egress, get, send, send_by};
use crate::address::is_public;
use crate::{Egress, EgressError, EgressOptions, Grant, Lookup, LookupFuture};
use brains_core::fault::FaultCause;

#[test]
fn only_global_addresses_are_public() {
    for address in [
        "127.0.0.1",
        "127.9.9.9",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "0.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "198.18.0.1",
        "192.0.0.192",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001::1",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "3fff::1",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "192.0.1.1",
        "198.20.0.1",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2001:4860:4860::8888",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

fn refusal_of(error: &EgressError) -> &str {
    match error {
        EgressError::Refused { what } => what,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn what_nobody_granted_is_refused() {
    let error =
        send(get("http://other.test/"), &[Grant::operator("http://one.test").unwrap()]).await.unwrap_err();
    assert_eq!(refusal_of(&error), "the origin of `other.test` has not been granted");
    let fault = error.to_fault();
    assert_eq!((fault.code.as_ref(), fault.failover), ("egress_refused", true));
}

#[tokio::test]
async fn a_public_grant_never_leads_to_a_private_address() {
    for address in ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fd00::1"] {
        let grants = [Grant::public("http://metadata.test").unwrap()];
        let egress = egress(&[address]);
        let error = send_by(&egress, get("http://metadata.test/"), &grants, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert_eq!(refusal_of(&error), "`metadata.test` leads to a private address, which nobody granted");
    }
}

#[tokio::test]
async fn odd_spellings_of_an_address_are_the_same_address() {
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f.1",
        "0X7F000001",
        "0177.0.0.1",
        "127.1",
        "\u{ff11}\u{ff12}\u{ff17}.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
    ] {
        let url = format!("http://{host}:9/");
        let error = send(get(&url), &[Grant::public(&url).unwrap()]).await.unwrap_err();
        assert!(refusal_of(&error).ends_with("is a private address, which nobody granted"), "{host}");
    }
}

#[tokio::test]
async fn a_star_never_leads_to_a_private_address_whoever_wrote_it() {
    let grants = [Grant::operator("http://*.corp.test:9").unwrap()];
    let url = "http://db.corp.test:9/";
    let error = send(get(url), &grants).await.unwrap_err();
    assert_eq!(refusal_of(&error), "`db.corp.test` leads to a private address, which nobody granted");
    // The name itself, written out, does.
    let both = [grants[0].clone(), Grant::operator(url).unwrap()];
    assert_eq!(
        send(get(url), &both).await.unwrap_err(),
        EgressError::Connect { peer: peer(url), cause: FaultCause::default() }
    );
}

/// Answers another address each time it is asked, as a name does that wants to be checked under one address and
/// reached under another.
#[derive(Debug, Default)]
struct Turning(AtomicUsize);

impl Lookup for Turning {
    fn lookup(&self, _host: &str) -> LookupFuture {
        let turn = self.0.fetch_add(1, Ordering::SeqCst);
        let address = if turn == 0 { "192.0.0.9" } else { "127.0.0.1" };
        Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_what_was_checked_is_what_is_reached() {
    let server = Server::answering(1, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    let lookup = Arc::new(Turning::default());
    let egress =
        Egress::new(EgressOptions { lookup: Some(lookup.clone()), ..EgressOptions::default() }).unwrap();
    let url = server.named("turning.test", "/");
    let grants = [Grant::public(&url).unwrap()];
    // Every look-up is checked by itself, and none follows the check: the first address is reserved, the later ones are
    // where the server listens.
    for asked in 1..=3 {
        let error = send_by(&egress, get(&url), &grants, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(refusal_of(&error), "`turning.test` leads to a private address, which nobody granted");
        assert_eq!(lookup.0.load(Ordering::SeqCst), asked, "one look-up for one connection");
    }
    // A connection that an operator's grant opened is not lent to one that reaches public addresses only.
    let operator = [Grant::operator(&url).unwrap()];
    let upstream = send_by(&egress, get(&url), &operator, Duration::from_secs(5)).await.unwrap();
    assert_eq!(upstream.read_all(10).await.unwrap(), "hi");
    let error = send_by(&egress, get(&url), &grants, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(refusal_of(&error), "`turning.test` leads to a private address, which nobody granted");
}

#[tokio::test]
async fn a_name_with_several_private_addresses_is_refused() {
    let egress = egress(&["127.0.0.1", "10.0.0.1", "::1"]);
    let grants = [Grant::public("http://mixed.test").unwrap()];
    let error =
        send_by(&egress, get("http://mixed.test/"), &grants, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(refusal_of(&error), "`mixed.test` leads to a private address, which nobody granted");
}

#[tokio::test]
async fn names_of_this_machine_are_private() {
    let system = Egress::new(EgressOptions::default()).unwrap();
    for host in ["localhost", "LOCALHOST"] {
        let url = format!("http://{host}:9/");
        let error = send_by(&system, get(&url), &[Grant::public(&url).unwrap()], Duration::from_secs(5))
            .await
            .unwrap_err();
        assert_eq!(refusal_of(&error), "`localhost` leads to a private address, which nobody granted");
    }
}

#[tokio::test]
async fn an_operators_base_url_may_be_private() {
    let server = Server::answering(1, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    let url = server.named("model.internal", "/v1/models");
    let upstream = send(get(&url), &[Grant::operator(&url).unwrap()]).await.unwrap();
    assert_eq!(upstream.read_all(100).await.unwrap(), "hi");
    let requests = server.requests().await;
    assert!(requests[0].contains("host: model.internal:"), "{}", requests[0]);
}

#[tokio::test]
async fn a_name_without_an_address_is_a_dns_error() {
    let url = "http://nowhere.test/";
    let sent =
        send_by(&egress(&[]), get(url), &[Grant::operator(url).unwrap()], Duration::from_secs(5)).await;
    assert_eq!(sent.unwrap_err(), EgressError::Dns { peer: peer(url) });
}
