"""Checks an export of the audit log without any secret. Needs the package `cryptography`.

    brains audit export > audit.jsonl
    python verify_export.py audit.jsonl PUBLIC_KEY

PUBLIC_KEY is the one that `brains audit verify` shows, learned from somewhere else than the export.
"""

import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def canonical(value):
    """RFC 8785 for what stands in an export: objects of texts, nulls and whole numbers, all names ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(key, statement, signature):
    try:
        Ed25519PublicKey.from_public_bytes(decoded(key)).verify(decoded(signature), canonical(statement))
    except (InvalidSignature, ValueError):
        return False
    return True


def trusted(root, lines):
    keys, before = {root}, 0
    while len(keys) != before:
        before = len(keys)
        for line in lines:
            statement = {**{name: line[name] for name in ("at", "from", "to")}, "type": "brains.audit.hand_over"}
            both = signed(line["from"], statement, line["from_signature"]) and signed(line["to"], statement, line["to_signature"])
            if both and keys & {line["from"], line["to"]}:
                keys |= {line["from"], line["to"]}
    return keys


def check(lines, root):
    keys = trusted(root, [line for line in lines if line["type"] == "hand_over"])
    chains, sealed = {}, {}
    for line in lines:
        kind = line.pop("type")
        scope = line.get("scope")
        seq, previous = chains.get(scope, (0, "0" * 64))
        if kind == "entry":
            digest = hashlib.sha256(canonical({name: line[name] for name in line if name != "hash"})).hexdigest()
            if line["seq"] != seq + 1 or line["prev_hash"] != previous or line["hash"] != digest:
                return f"{scope}: entry {seq + 1} is not sound"
            chains[scope] = (line["seq"], line["hash"])
        elif kind == "seal":
            statement = {**{name: line[name] for name in ("at", "hash", "key", "scope", "seq")}, "type": "brains.audit.seal"}
            if line["key"] not in keys or not signed(line["key"], statement, line["signature"]):
                return f"{scope}: the seal of entry {line['seq']} does not count"
            if (line["seq"], line["hash"]) != (seq, previous):
                return f"{scope}: the seal of entry {line['seq']} is for something else"
            sealed[scope] = line["seq"]
    for scope, (seq, _) in chains.items():
        if sealed.get(scope) != seq:
            return f"{scope}: the end is not sealed"
    return None


def main():
    path, root = sys.argv[1:3]
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.strip()]
    fault = check(lines, root)
    print(fault or f"sound: {sum(line.get('prev_hash') is not None for line in lines)} entries")
    sys.exit(1 if fault else 0)


main()
