#!/usr/bin/env python3
"""Checks what sayso hands out, without any code of sayso: Python's standard library and `cryptography` only.

    verify.py checkpoint  FILE VKEY    a signed checkpoint (C2SP tlog-checkpoint)
    verify.py receipt     FILE VKEY    a receipt (C2SP tlog-proof) and what it opens
    verify.py certificate FILE VKEY    the certificate of a completed erasure

FILE may also be the JSON answer that holds a `receipt` or `certificate`. Exit code 0 and the opened event when it holds;
1 and the reason when it does not.
"""

import base64
import binascii
import datetime
import hashlib
import hmac
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Refused(Exception):
    """Why something does not hold."""


def need(condition, reason):
    if not condition:
        raise Refused(reason)


def b64(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("not in base64") from error
    need(base64.b64encode(raw).decode() == text, "not in canonical base64")
    return raw


def read_vkey(vkey):
    name, key_id, key = vkey.strip().split("+", 2)
    key = b64(key)
    need(len(key) == 33 and key[0] == 1, "the key is not Ed25519")
    need(hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_id, "the key does not fit its id")
    return name, bytes.fromhex(key_id), Ed25519PublicKey.from_public_bytes(key[1:])


def checkpoint(note, vkey):
    """Size and root, if the log signed them."""
    name, key_id, key = read_vkey(vkey)
    need("\n\n" in note and note.endswith("\n"), "the note has no signatures")
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    signed = False
    for line in signatures.removesuffix("\n").split("\n"):
        dash, signer, blob = line.split(" ")
        need(dash == "\u2014", "a line of signatures does not begin with a dash")
        blob = b64(blob)
        if signer == name and blob[:4] == key_id:
            try:
                key.verify(blob[4:], text.encode())
            except InvalidSignature as error:
                raise Refused("the signature is wrong") from error
            signed = True
    need(signed, "the log did not sign it")
    lines = text.removesuffix("\n").split("\n")
    need(len(lines) >= 3 and lines[0] == name and lines[1].isdecimal() and str(int(lines[1])) == lines[1], "no checkpoint of this log")
    root = b64(lines[2])
    need(len(root) == 32, "the root is not 32 bytes")
    return int(lines[1]), root


def root_from(leaf, index, size, path):
    """RFC 9162, section 2.1.3.2."""
    need(0 <= index < size, "the leaf is not in a tree of this size")
    at, last, node = index, size - 1, hashlib.sha256(b"\0" + leaf).digest()
    for sibling in path:
        need(last > 0, "the path is too long")
        if at & 1 or at == last:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        at, last = at >> 1, last >> 1
    need(last == 0, "the path is too short")
    return node


def receipt(text, vkey):
    """The event that a receipt opens."""
    head, separator, note = text.partition("\n\n")
    need(separator, "no checkpoint")
    lines = head.split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1", "not a C2SP tlog-proof")
    need(len(lines) > 2 and lines[1].startswith("extra ") and lines[2].startswith("index "), "nothing opens a leaf")
    opening = json.loads(b64(lines[1][6:]))
    index = int(lines[2][6:])
    need(str(index) == lines[2][6:], "the index is not a plain number")
    path = [b64(line) for line in lines[3:]]
    need(all(len(node) == 32 for node in path), "a hash is not 32 bytes")
    size, root = checkpoint(note, vkey)
    leaf = opening["leaf"]
    need(root_from(leaf.encode(), index, size, path) == root, "the leaf does not lead to the signed root")
    first, kind, day, commitment, rest = leaf.split("\n")
    need(first == "sayso-leaf/v1" and rest == "", "not a leaf of sayso")
    mac = hmac.new(bytes.fromhex(opening["nonce"]), opening["body"].encode(), hashlib.sha256).hexdigest()
    need(hmac.compare_digest(mac, commitment), "the body is not what the leaf commits to")
    event = json.loads(opening["body"])
    recorded = datetime.datetime.fromtimestamp(event["at"] // 1_000_000, datetime.timezone.utc)
    need(event["act"]["kind"] == kind and recorded.date().isoformat() == day, "the leaf shows something else")
    return {"leaf_index": index, "tree_size": size, "event": event}


def certificate(text, vkey):
    opened = receipt(text, vkey)
    need(opened["event"]["act"]["kind"] == "erasure_completed", "a receipt, but of no completed erasure")
    return opened


def main(what, path, vkey):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.startswith("{"):
        answer = json.loads(text)
        text = answer.get("receipt") or answer["certificate"]
    if what == "checkpoint":
        size, root = checkpoint(text, vkey)
        return {"tree_size": size, "root": root.hex()}
    return {"receipt": receipt, "certificate": certificate}[what](text, vkey)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("checkpoint", "receipt", "certificate"):
        sys.exit(__doc__)
    try:
        print(json.dumps(main(*sys.argv[1:])))
    except (Refused, ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
        sys.exit(f"does not hold: {error}")
