"""Holds what was told of drawn schemas and values (examples/told.rs) against fastavro.

    pip install fastavro==1.13.1
    python3 fastavro_told.py < told.jsonl

Both read the same, up to the same byte, or neither can, but for these faults of fastavro's, and nothing else:

- Boolean: one that is neither 0 nor 1 is true to it;
- Overflow: an int may be a long to it, and a number may have more than 64 bits;
- Length: bytes, a string or a fixed that the value ends within are what is left of it, of a negative length, too;
- Length, BlockSize: a block may be of another size than it says;
- Ended: a fixed, see above;
- Index: -1 is the last of an enum's symbols or a union's branches.

After such a one it may read on at a wrong place, and meet a number of items that it comes to no end of.
"""

import base64
import collections
import io
import json
import signal
import struct
import sys

import fastavro
from fastavro._read_py import schemaless_reader  # the same in Python, which can be stopped


def plain(schema):
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if isinstance(schema, dict):
        return {key: part if key == "default" else plain(part) for key, part in schema.items() if key != "logicalType"}
    return schema


def number(value):
    words = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
    return words.get(value, value) if isinstance(value, str) else value


class Same:
    """Compares by the schema, so that bytes and floats are what they are."""

    def __init__(self, schema):
        self.names = {}
        self.root = schema
        self.define(schema, "")

    def define(self, schema, space):
        if isinstance(schema, list):
            for part in schema:
                self.define(part, space)
        elif isinstance(schema, dict):
            schema, space = self.named(schema, space)
            for part in [schema.get("items"), schema.get("values"), *(field["type"] for field in schema.get("fields", []))]:
                self.define(part, space)

    def named(self, schema, space):
        if schema["type"] in ("record", "enum", "fixed"):
            name = schema["name"]
            full = name if "." in name or not space else f"{space}.{name}"
            self.names[full] = schema
            return schema, full.rpartition(".")[0]
        return schema, space

    def __call__(self, ours, theirs):
        return self.same(self.root, "", ours, theirs)

    def same(self, schema, space, ours, theirs):
        if isinstance(schema, list):
            return any(self.branch(part, space, ours, theirs) for part in schema)
        if isinstance(schema, str):
            full = schema if "." in schema or not space else f"{space}.{schema}"
            if full in self.names:
                return self.same(self.names[full], full.rpartition(".")[0], ours, theirs)
            return self.primitive(schema, ours, theirs)
        schema, space = self.named(schema, space)
        match schema["type"]:
            case "array":
                both = isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs)
                return both and all(self.same(schema["items"], space, a, b) for a, b in zip(ours, theirs))
            case "map":
                both = isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys()
                return both and all(self.same(schema["values"], space, ours[key], theirs[key]) for key in ours)
            case "record":
                names = [field["name"] for field in schema["fields"]]
                both = isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys() == set(names)
                fields = ((field["type"], field["name"]) for field in schema["fields"])
                return both and all(self.same(type, space, ours[name], theirs[name]) for type, name in fields)
            case "enum":
                return ours == theirs
            case "fixed":
                return isinstance(ours, str) and base64.b64decode(ours) == theirs
            case kind:
                return self.same(kind, space, ours, theirs)

    def branch(self, part, space, ours, theirs):
        label = part if isinstance(part, str) else part.get("name", part["type"])
        wrapped = isinstance(ours, dict) and len(ours) == 1 and next(iter(ours)).rpartition(".")[2] == label.rpartition(".")[2]
        return self.same(part, space, ours, theirs) or (wrapped and self.same(part, space, next(iter(ours.values())), theirs))

    @staticmethod
    def primitive(kind, ours, theirs):
        match kind:
            case "bytes":
                return isinstance(theirs, bytes) and isinstance(ours, str) and base64.b64decode(ours) == theirs
            case "float" | "double":
                ours = number(ours)
                if not isinstance(theirs, float) or not isinstance(ours, (int, float)):
                    return False
                form = "<f" if kind == "float" else "<d"
                both_nan = ours != ours and theirs != theirs
                return both_nan or struct.pack(form, ours) == struct.pack(form, theirs)
            case "boolean" | "null":
                return ours is theirs
            case "int" | "long":
                return type(ours) is int and type(theirs) is int and ours == theirs
            case _:
                return isinstance(theirs, str) and ours == theirs


# Of the kinds of our errors those that its faults show.
FAULTS = {"Boolean", "Overflow", "Length", "BlockSize", "Ended", "Index"}


class NoEnd(BaseException):
    """It reads as many items as the value says it has, whether there are bytes for them or not."""


def stop(*_):
    raise NoEnd


def read(value, schema):
    """What fastavro reads, the error, and the position; none if it comes to no end within a second."""
    source = io.BytesIO(bytes(value))
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        return schemaless_reader(source, schema, None), None, source.tell()
    except Exception as error:
        return None, error, source.tell()
    except NoEnd:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main():
    sys.setrecursionlimit(20_000)
    signal.signal(signal.SIGALRM, stop)
    counts = collections.Counter()
    parsed = {}
    for line in sys.stdin:
        told = json.loads(line)
        text = json.dumps(told["schema"])
        if text not in parsed:
            parsed[text] = fastavro.parse_schema(plain(told["schema"]))
        answer = read(told["bytes"], parsed[text])
        if answer is None:
            counts["refused by us, endless to fastavro" if told["why"] else "ENDLESS"] += 1
            continue
        theirs, error, position = answer
        ours = told["read"]
        accepted = told["accepted"]
        if accepted and error is None:
            kind = "same" if position == told["position"] and Same(plain(told["schema"]))(ours, theirs) else "DIFFERENT"
        elif accepted:
            kind = "REFUSED BY FASTAVRO ONLY"
        elif error is None:
            fault = told["why"].partition("(")[0].partition(" ")[0]
            kind = f"refused by us only: {fault}" if fault in FAULTS else "REFUSED BY US ONLY"
        else:
            kind = "refused by both"
        counts[kind] += 1
        if kind.isupper():
            print(kind, line.strip(), theirs, error, position)
    for kind, count in sorted(counts.items()):
        print(f"{count:8} {kind}")
    print(f"{counts.total():8} values of {len(parsed)} schemas")
    sys.exit(any(kind.isupper() for kind in counts))


if __name__ == "__main__":
    main()
