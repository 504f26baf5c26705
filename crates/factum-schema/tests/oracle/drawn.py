"""Draws schemas, and what a developer might have made of them in the next version."""

import copy

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
PROMOTED = {"int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"],
            "string": ["bytes"], "bytes": ["string"]}


class Draw:
    def __init__(self, rng):
        self.rng, self.names, self.count = rng, [], 0

    def name(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def type(self, depth=0):
        kinds = ["primitive"] * 4 + ["enum", "fixed"]
        if depth < 3:
            kinds += ["array", "map", "union", "union", "record", "record"]
        if self.names:
            kinds.append("reference")
        return getattr(self, self.rng.choice(kinds))(depth)

    def primitive(self, depth):
        return self.rng.choice(PRIMITIVES)

    def reference(self, depth):
        return self.rng.choice(self.names)

    def enum(self, depth):
        name = self.name("E")
        symbols = ["A", "B", "C", "D"][: self.rng.randrange(1, 5)]
        self.names.append(name)
        enum = {"type": "enum", "name": name, "symbols": symbols}
        if self.rng.randrange(3) == 0:
            enum["default"] = self.rng.choice(symbols)
        return enum

    def fixed(self, depth):
        name = self.name("F")
        self.names.append(name)
        return {"type": "fixed", "name": name, "size": self.rng.randrange(1, 5)}

    def array(self, depth):
        return {"type": "array", "items": self.type(depth + 1)}

    def map(self, depth):
        return {"type": "map", "values": self.type(depth + 1)}

    def union(self, depth):
        branches, seen = [], set()
        for _ in range(self.rng.randrange(1, 4)):
            branch = self.type(depth + 1)
            if isinstance(branch, list):
                continue
            label = branch if isinstance(branch, str) else branch.get("name", branch["type"])
            if label not in seen:
                seen.add(label)
                branches.append(branch)
        return branches or ["null", "int"]

    def record(self, depth):
        name = self.name("R")
        record = {"type": "record", "name": name, "fields": []}
        for index in range(self.rng.randrange(4)):
            record["fields"].append({"name": f"f{index}", "type": self.type(depth + 1)})
        self.names.append(name)
        if self.rng.randrange(4) == 0:
            record["fields"].append({"name": "next", "type": ["null", name], "default": None})
        return record


def parts(schema):
    """All types within a schema that are objects or unions, outermost first."""
    found = []
    if isinstance(schema, list):
        found.append(schema)
        for branch in schema:
            found += parts(branch)
    elif isinstance(schema, dict):
        found.append(schema)
        for inner in ("items", "values"):
            if inner in schema:
                found += parts(schema[inner])
        for field in schema.get("fields", []):
            found += parts(field["type"])
    return found


DEFAULTS = [("int", 7), ("string", "é"), (["null", "string"], None), ("bytes", "\u00ff"), ("double", 0.5),
            ({"type": "array", "items": "long"}, [1, -2]), ({"type": "map", "values": "int"}, {"k": 1}),
            ("boolean", True), ("float", 1.5)]


def change(schema, rng):
    """Changes one thing, in place."""
    part = rng.choice(parts(schema) or [None])
    if part is None:
        return
    if isinstance(part, list):
        kind = rng.choice(["reverse", "drop", "add"])
        if kind == "reverse":
            part.reverse()
        elif kind == "drop" and len(part) > 1:
            part.pop(rng.randrange(len(part)))
        elif kind == "add":
            new = rng.choice(PRIMITIVES)
            if new not in part:
                part.insert(rng.randrange(len(part) + 1), new)
        return
    kind = part["type"]
    if kind == "enum":
        what = rng.choice(["add", "default", "drop", "reverse"])
        if what == "add":
            part["symbols"] = part["symbols"] + ["Z"] if "Z" not in part["symbols"] else part["symbols"]
        elif what == "default":
            part["default"] = part["symbols"][0]
        elif what == "drop" and len(part["symbols"]) > 1:
            part["symbols"] = part["symbols"][1:]
            part["default"] = part["symbols"][0]
        else:
            part["symbols"] = part["symbols"][::-1]
    elif kind == "fixed":
        part["size"] += rng.randrange(2)
    elif kind in ("array", "map"):
        inner = "items" if kind == "array" else "values"
        part[inner] = promoted(part[inner], rng)
    elif kind == "record":
        fields = part["fields"]
        what = rng.choice(["add", "add", "drop", "promote", "reverse", "rename", "nullable", "promote"])
        field = rng.choice(fields) if fields else None
        if what == "add" or field is None:
            ty, default = rng.choice(DEFAULTS)
            new = {"name": f"new{rng.randrange(1000)}", "type": copy.deepcopy(ty), "default": default}
            fields.insert(rng.randrange(len(fields) + 1), new)
        elif what == "drop" and not parts(field["type"]):
            fields.remove(field)
        elif what == "promote":
            field["type"] = promoted(field["type"], rng)
        elif what == "reverse" and not any(parts(f["type"]) for f in fields):
            fields.reverse()
        elif what == "rename":
            if "aliases" not in field:
                field["aliases"] = [field["name"]]
                field["name"] = f"renamed{rng.randrange(1000)}"
        elif what == "nullable" and isinstance(field["type"], str) and field["type"] != "null":
            field["type"] = ["null", field["type"]]
            field.pop("default", None)


def promoted(schema, rng):
    if isinstance(schema, str) and schema in PROMOTED:
        return rng.choice(PROMOTED[schema])
    return schema


def drawn_pair(rng):
    writer = Draw(rng).record(0)
    reader = copy.deepcopy(writer)
    for _ in range(rng.randrange(1, 4)):
        change(reader, rng)
    return (writer, reader) if rng.randrange(5) else (reader, writer)
