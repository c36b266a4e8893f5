//! Which addresses are public, which origins are granted, and that both are held to.

use std::time::Duration;

use super::server::Server;
use super::{egress, get, send, send_by};
use crate::address::is_public;
use crate::{EgressError, Grant};

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

#[test]
fn an_origin_is_scheme_host_and_port() {
    let grant = Grant::operator("https://Api.Example.com/v1").unwrap();
    let covers = |url: &str| grant.covers(&url.parse().unwrap());
    assert!(covers("https://api.example.com:443/anything?x"));
    assert!(!covers("http://api.example.com/"));
    assert!(!covers("https://api.example.com:8443/"));
    assert!(!covers("https://api.example.com.evil.test/"));
    assert!(!covers("https://evil.test/https://api.example.com"));
    for bad in ["", "api.example.com", "file:///etc/passwd", "ftp://x.test", "https://"] {
        assert!(Grant::operator(bad).is_err(), "{bad}");
    }
    assert!(!Grant::operator("x://user:hunter2@h").unwrap_err().to_string().contains("hunter2"));
}

fn refused(error: &EgressError) -> &str {
    match error {
        EgressError::Refused { what } => what,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn what_nobody_granted_is_refused() {
    let error =
        send(get("http://other.test/"), &[Grant::operator("http://one.test").unwrap()]).await.unwrap_err();
    assert_eq!(refused(&error), "the origin of `other.test` has not been granted");
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
        assert_eq!(refused(&error), "`metadata.test` leads to a private address, which nobody granted");
    }
}

#[tokio::test]
async fn odd_spellings_of_an_address_are_the_same_address() {
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:9/");
        let error = send(get(&url), &[Grant::public(&url).unwrap()]).await.unwrap_err();
        assert!(refused(&error).ends_with("is a private address, which nobody granted"), "{host}");
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
    assert_eq!(sent.unwrap_err(), EgressError::Dns { host: "nowhere.test".to_owned() });
}
