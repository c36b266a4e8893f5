//! Tells addresses on the public internet from all others, which are reached only through an origin that the operator
//! wrote.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        // Carrier-grade NAT, where some clouds keep their metadata.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    #[expect(clippy::match_same_arms, reason = "one arm per kind of address")]
    match address.segments() {
        // Unspecified and loopback; then IPv4-compatible, IPv4-mapped and the translated form of RFC 2765.
        [0, 0, 0, 0, 0, 0, 0, _] => false,
        [0, 0, 0, 0, 0, 0 | 0xFFFF, high, low] | [0, 0, 0, 0, 0xFFFF, 0, high, low] => embedded(high, low),
        // NAT64; the local-use prefix beside it may lead anywhere and is not global unicast.
        [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4 carries its IPv4 address in front.
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo, benchmarks, ORCHID and documentation.
        [0x2001, 0..0x200 | 0xDB8, ..] | [0x3FFF, 0..0x1000, ..] => false,
        // Of all else only global unicast is assigned.
        [first, ..] => first & 0xE000 == 0x2000,
    }
}
