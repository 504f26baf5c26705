"""Writes cases.json: the schemas and pairs of schemas that the oracles judge, with written values.

    python3 cases.py > cases.json

A value's bytes are drawn here, from the schema alone, so that no oracle's encoder has a say in them.
The draw is seeded: the same program writes the same file.
"""

import json
import random
import struct
import sys

from by_hand import PAIRS, REJECTED, SCHEMAS
from drawn import drawn_pair

SEED = 20
DRAWN = 420
VALUES = 3


def long(n):
    n = (n << 1) ^ (n >> 63)
    n &= (1 << 64) - 1
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


PRIMITIVES = {
    "null": lambda r: b"",
    "boolean": lambda r: bytes([r.randrange(2)]),
    "int": lambda r: long(r.choice([0, 1, -1, 63, -64, 64, 2**31 - 1, -(2**31), r.randrange(-9999, 9999)])),
    "long": lambda r: long(r.choice([0, -1, 2**53 + 1, 2**63 - 1, -(2**63), r.randrange(-9999, 9999)])),
    "float": lambda r: struct.pack("<f", r.choice([0.0, -1.5, 3.4e38, 0.1])),
    "double": lambda r: struct.pack("<d", r.choice([0.0, -1.5, 1e300, 0.1])),
    "bytes": lambda r: text(r.choice(["", "a", "byte"]).encode()),
    "string": lambda r: text(r.choice(["", "x", "naïve", "€uro"]).encode()),
}


def text(raw):
    return long(len(raw)) + raw


class Values:
    """Draws the bytes of values of a schema."""

    def __init__(self, schema, rng):
        self.rng, self.names = rng, {}
        self.declare(schema, "")
        self.schema = schema

    def declare(self, schema, space):
        if isinstance(schema, list):
            for branch in schema:
                self.declare(branch, space)
        elif isinstance(schema, dict):
            if "name" in schema:
                full = full_name(schema["name"], schema.get("namespace", space))
                space = full.rpartition(".")[0]
                schema["@space"] = space
                self.names[full] = schema
            for inner in ("items", "values"):
                if inner in schema:
                    self.declare(schema[inner], space)
            for field in schema.get("fields", []):
                self.declare(field["type"], space)

    def draw(self, depth=0, schema=None, space=""):
        schema = self.schema if schema is None else schema
        few = 0 if depth > 6 else self.rng.randrange(3)
        if isinstance(schema, list):
            plain = [i for i, b in enumerate(schema) if b == "null" or isinstance(b, str) and b in PRIMITIVES]
            index = plain[0] if depth > 6 and plain else self.rng.randrange(len(schema))
            return long(index) + self.draw(depth + 1, schema[index], space)
        if isinstance(schema, str):
            if schema in PRIMITIVES:
                return PRIMITIVES[schema](self.rng)
            named = self.names.get(full_name(schema, space)) or self.names[schema]
            return self.draw(depth + 1, named, named["@space"])
        kind = schema["type"]
        if kind == "array":
            items = [self.draw(depth + 1, schema["items"], space) for _ in range(few)]
            return (long(few) if few else b"") + b"".join(items) + b"\0"
        if kind == "map":
            # One entry at most: oracles keep no order.
            entry = text(b"key") + self.draw(depth + 1, schema["values"], space) if few else b""
            return (long(1) + entry if few else b"") + b"\0"
        space = schema.get("@space", space)
        if kind in ("record", "error"):
            return b"".join(self.draw(depth + 1, field["type"], space) for field in schema["fields"])
        if kind == "enum":
            return long(self.rng.randrange(len(schema["symbols"])))
        if kind == "fixed":
            return bytes(self.rng.randrange(256) for _ in range(schema["size"]))
        return self.draw(depth + 1, kind, space)


def full_name(name, space):
    return name if "." in name or not space else f"{space}.{name}"


def drawn_values(schema, rng):
    schema = json.loads(json.dumps(schema))
    if schema == []:
        return []
    try:
        values = Values(schema, rng)
        drawn = [values.draw().hex() for _ in range(VALUES)]
    except (RecursionError, IndexError, KeyError, ValueError):  # Not a schema, or one without values.
        return []
    return sorted({value for value in drawn if len(value) < 2000})


def main():
    rng = random.Random(SEED)
    schemas, index = [], {}

    def intern(schema):
        key = json.dumps(schema)
        if key not in index:
            index[key] = len(schemas)
            schemas.append(schema)
        return index[key]

    pairs = [(name, w, r) for name, w, r in PAIRS]
    pairs += [(f"{i} as {j}", w, r) for i, w in enumerate(SCHEMAS) for j, r in enumerate(SCHEMAS)]
    pairs += [(f"drawn {i}", *drawn_pair(rng)) for i in range(DRAWN)]
    cases = []
    for name, writer, reader in pairs:
        cases.append([name, intern(writer), intern(reader), drawn_values(writer, rng)])
    json.dump({"schemas": schemas, "rejected": REJECTED, "pairs": cases}, sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
