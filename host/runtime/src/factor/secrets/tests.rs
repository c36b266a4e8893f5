use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brains_core::Secret;
use ring::rand::SystemRandom;
use ring::signature::{
    ED25519, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};

use super::{DATA_BYTES, sign};

/// Made for this test, in PKCS#1; it opens nothing.
const RSA: &str = concat!(
    "MIIEpAIBAAKCAQEAuUSac/rUY7GsRouQ59wjVvGHfGU6tsXqIMx42ukWaZLQmHrqK06GwN/D/gIQwXYFXHABK88XpasCTXulR2VE",
    "33/M8a7YTuDX6ZkgvZG3ftiepWIwX8fwP7aqG1k2fzw9fjgf8vUz1u0WsGQ9sVOSxkOO3krzBhsoiyYYNvdhjNomaqwBWwmDwfMo",
    "BiCy4BWJOHCAvt4GFRvxwjaYf5pEvnp3lzOvITCtIVKIj4JgwOtTmffickmo5S2SQd19bOGM7U6ZUAJa1rDdWUWLuDysYdisiF9G",
    "2bi/fXlgKLPIjXOR438zeOdBm9SlAj7ugKlXekW9eG4K39tucSI5s4ulhQIDAQABAoIBABUfm42kOHGaeSY89Ptep9/an4RBJXnf",
    "5HMzZQcuosnMPcDY6Nihti8JBFdyhFcOfgt9UMDeNpfCwPs1IRHcG8dw0pzuvsZ1j+CYPzmmAtoxWBtKr/HHwd591PTTzekhZPB+",
    "dTQWHYBAnYDkmP0eJoK5ArHZMU7Nq2h8IjAoMgTlS9MnU42qF5S7+jEuBtkynhJ38OxVWIDK2h/feEUMeYy66VcA8wYncg78269k",
    "NdMbv622OXtnDtEC+WgGWb62lpFAsH9iHrNBPi8v4hKEqGVyROjXVeGBE0ukwpzE0mb8mQnQokJaUINhsNh/B7sXhVsXL24x3xqk",
    "YvE5sJeMNOECgYEA5vf/jrqt6uftlY8Lz4b8BW738UncZWJ7qib/YzGPbeOdSVhte+VnAcwld6H/Sx8Q+0QLUIospWkdmvLjVMgy",
    "iuvC3PTutmhXwQ78RFfqZEt3BghpaxU9svpTkT+2SmnfEbjMzVNSGmtsr+7iVfgJwc9PAYKwVasGMEg8zWNHveECgYEAzViuoiDa",
    "l0GE/xtrdl4YIGdxm/pwsiybBgzr83cCUE77OW8dJrvPau0P/ZIiqR6d+j3cFY4pfnEUowUnrmJLFCKUtj8VC0rvBIQdbyNzUd+p",
    "k2nG8uPWtcZ+GKdrK6oTnzNrMgdyxxUyUuy82bE0U5594YnualstzWFX/sALtCUCgYEAwOgnMT2n3sfhPoXgFm+mdJ9PRN8szhzo",
    "LqAts9qD8gMmrkjGALIES5MHRBkwkbybwVD+pkERswHNcUomJvyigjcRZNzJt94EVUG/3xESurvw6EAEVCTEiITdYTY2eYZdgn63",
    "x1ItA9XvTC4YKjdlZtNQKHHP921FWPQsnFqsY+ECgYEAskS9/tRk0JE547qrNWyEp4UGdTIbKiNdRghrwsZbhNq8cOUMurarYBmE",
    "G1AFtSp2XWvcp/3t+e4zyz7LbzG4GjfXQMxM+avJCvOjFfwBvl9cuTRIWk7/9HjouYCGoraZKEmcUydyNnEpaiJJ5PdZBQsAH4/+",
    "IekcP0O1/9w7jN0CgYBmMCj2ANA0KHwyBeNpen+/d3s8zRyllNImWxWRBPPg+8I/kkvGide4+SlKekUdKenKY8Hs2oQ+1JMNeA0T",
    "U0H8joAzT/sBxJ+9T0tWPZPGzaIxx5PHlZNKUhmzP9C975sn2eCePpX52iSPHgpY346ufWw+6UoxZD8TtUm1LPeaIw==",
);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Put together here, so that scanners of sources stay quiet.
fn armour(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// A key of PKCS#1 in the envelope of PKCS#8.
fn pkcs8(der: &[u8]) -> Vec<u8> {
    const ALGORITHM: &[u8] =
        &[0x02, 1, 0, 0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 0x05, 0, 0x04, 0x82];
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let inner = [ALGORITHM, &length(der.len()), der].concat();
    [&[0x30, 0x82], length(inner.len()).as_slice(), &inner].concat()
}

fn signed(key: &str, algorithm: &str, prefix: &str, data: &[u8]) -> Option<Vec<u8>> {
    sign(&Secret::new(key), algorithm, prefix, data)
}

#[test]
fn hashes_are_those_of_rfc_4231() {
    let of = |algorithm| hex(&signed("Jefe", algorithm, "", b"what do ya want for nothing?").unwrap());
    assert_eq!(of("hmac-sha256"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_eq!(
        of("hmac-sha512"),
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    );
}

/// The first step of AWS's signature, whose example is public: the key begins with `AWS4`.
#[test]
fn a_prefix_stands_before_the_secret() {
    let whole = signed("AWS4wJalrXUtnFEMI", "hmac-sha256", "", b"20150830");
    assert_eq!(signed("wJalrXUtnFEMI", "hmac-sha256", "AWS4", b"20150830"), whole);
}

/// The digest of `abc` in FIPS 180-4, of which the secret is the middle.
#[test]
fn a_digest_holds_a_secret() {
    let digest = hex(&signed("b", "sha256", "a", b"c").unwrap());
    assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(signed("b", "sha256", &"a".repeat(DATA_BYTES), b"c"), None, "too long together");
}

#[test]
fn asymmetric_signatures_verify() {
    let der = STANDARD.decode(RSA).unwrap();
    let pem = armour("RSA PRIVATE KEY", RSA);
    let signature = signed(&pem, "rsa-sha256", "", b"data").unwrap();
    let pair = RsaKeyPair::from_der(&der).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref());
    public.verify(b"data", &signature).unwrap();
    // The same key as other tools write it, and as it comes out of an environment.
    for pem in [armour("PRIVATE KEY", &STANDARD.encode(pkcs8(&der))), pem.replace('\n', "\\n")] {
        assert_eq!(signed(&pem, "rsa-sha256", "", b"data").unwrap(), signature);
    }

    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pem = armour("PRIVATE KEY", &STANDARD.encode(pkcs8.as_ref()));
    let signature = signed(&pem, "ed25519", "", b"data").unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref()).verify(b"data", &signature).unwrap();
}

#[test]
fn what_cannot_be_signed_is_refused() {
    for algorithm in ["", "hmac-md5", "rsa-sha256", "ed25519", "HMAC-SHA256"] {
        assert_eq!(signed("no key in PEM", algorithm, "", b"data"), None, "{algorithm}");
    }
    let pem = armour("RSA PRIVATE KEY", RSA);
    assert_eq!(signed(&pem, "ed25519", "", b"data"), None);
    assert_eq!(signed(&pem, "rsa-sha256", "prefix", b"data"), None);
    assert_eq!(signed("key", "hmac-sha256", "", &vec![0; DATA_BYTES + 1]), None);
}
