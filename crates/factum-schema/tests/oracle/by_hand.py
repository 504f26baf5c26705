"""Schemas and pairs that are made by hand, each for one question."""

import json
import pathlib


def record(*fields, name="R", **more):
    return {"type": "record", "name": name, **more, "fields": list(fields)}


def field(name, type, *default, **more):
    return {"name": name, "type": type, **more, **({"default": default[0]} if default else {})}


def enum(*symbols, name="E", **more):
    return {"type": "enum", "name": name, **more, "symbols": list(symbols)}


def fixed(size, name="F", **more):
    return {"type": "fixed", "name": name, **more, "size": size}


def array(items):
    return {"type": "array", "items": items}


def map_(values):
    return {"type": "map", "values": values}


def logical(type, name, **more):
    return {"type": type, "logicalType": name, **more}


A, B = field("a", "int"), field("b", "string")

# Every one of these is read as every other.
SCHEMAS = [
    "null", "boolean", "int", "long", "float", "double", "bytes", "string",
    array("int"), array("long"), array("string"), map_("int"), map_("long"), map_("bytes"),
    enum("A", "B"), enum("A", "B", "C"), enum("C", "B", "A"), enum("A", "B", default="B"), enum("A", name="n.E"),
    enum("A", "B", name="Other"), enum("A", "B", name="Other", aliases=["E"]),
    fixed(4), fixed(8), fixed(4, name="n.F"), fixed(4, name="G", aliases=["F", "n.F"]),
    record(), record(A), record(A, B), record(B, A), record(A, field("b", "string", "x")),
    record(field("a", "long")), record(field("a", "long"), name="n.R"), record(A, name="S", aliases=["R"]),
    record(field("c", "int", aliases=["a"])), record(field("c", "int", 5)),
    record(field("a", ["null", "int"], None)),
    [], ["null"], ["int"], ["null", "int"], ["int", "null"], ["int", "string"], ["string", "bytes"],
    ["long", "double"], ["float", "long"], ["null", "boolean", array("int")], ["null", map_("long"), "double"],
    ["null", record(A)], [record(A), record(B, name="S")],
    [enum("A", "B"), fixed(4)],
]

MONEY = record(field("cents", "long"), name="Money")
MONEY_INT = record(field("cents", "int"), name="Money")
WIDER = record(field("cents", "long"), field("currency", "string", "EUR"), name="Money")
LIST = record(field("value", "int"), field("tail", ["null", "List"], None), name="List")
LONG_LIST = record(field("value", "long"), field("tail", ["null", "List"], None), name="List")
TREE = record(field("children", array("Tree")), field("label", "string"), name="t.Tree")
CARD, CASH = record(field("id", "string"), name="p.Card"), record(field("id", "string"), name="p.Cash")
CASH_MORE = record(field("id", "string"), field("till", "int", 1), name="p.Cash")
FROZEN, UNFROZEN = record(field("id", "int"), name="Frozen"), record(field("id", "int"), name="Unfrozen")

PAIRS = [
    # Shared types that move within their file.
    ("first use removed", record(field("x", MONEY), field("y", "Money")), record(field("y", MONEY))),
    ("first use added", record(field("y", MONEY)), record(field("x", MONEY, {"cents": 1}), field("y", "Money"))),
    ("first use moved", record(field("x", MONEY), field("y", "Money")), record(field("y", MONEY), field("x", "Money"))),
    ("same name, other shape", record(field("x", fixed(2)), field("k", "int")),
     record(field("k", "int"), field("z", fixed(3), "abc"))),
    ("same name, other shape, shared", record(field("x", fixed(2)), field("y", "F")), record(field("y", fixed(3)))),
    ("shared type widened", record(field("x", MONEY_INT), field("y", "Money")), record(field("x", MONEY), field("y", "Money"))),
    ("shared type narrowed", record(field("x", MONEY), field("y", "Money")), record(field("x", MONEY_INT), field("y", "Money"))),
    ("shared type grown", record(field("x", MONEY), field("y", array("Money"))), record(field("x", WIDER), field("y", array("Money")))),
    ("shared type grown, in a map", record(field("y", map_(MONEY))), record(field("y", map_(WIDER)))),
    # Recursion.
    ("list widened", LIST, LONG_LIST),
    ("list narrowed", LONG_LIST, LIST),
    ("list kept", LIST, LIST),
    ("list grown", LIST, record(field("value", "int"), field("tail", ["null", "List"], None), field("n", "string", ""), name="List")),
    ("list whose tail is required", LIST, record(field("value", "int"), field("tail", "List"), name="List")),
    ("tree reordered", TREE, record(field("label", "string"), field("children", array("Tree")), name="t.Tree")),
    ("tree renamed", TREE, record(field("children", array("Baum")), field("label", "string"), name="t.Baum", aliases=["Tree"])),
    ("tree grown", TREE, record(field("children", array("Tree")), field("label", "string"), field("at", "long", 0), name="t.Tree")),
    ("two that hold each other", record(field("b", record(field("a", ["null", "A"]), field("v", "int"), name="B")), name="A"),
     record(field("b", record(field("a", ["null", "A"]), field("v", "long"), name="B")), name="A")),
    # Unions: the branch that was written, not one that looks like it.
    ("branches of one shape", [FROZEN, UNFROZEN], [FROZEN, UNFROZEN]),
    ("branches of one shape, turned", [FROZEN, UNFROZEN], [UNFROZEN, FROZEN]),
    ("branch added in front", [CARD, CASH], ["null", CARD, CASH]),
    ("branch added between", [CARD, CASH], [CARD, "null", CASH]),
    ("branch grown", [CARD, CASH], [CARD, CASH_MORE]),
    ("branch lost", [CARD, CASH, "null"], [CARD, CASH]),
    ("record branch lost", [CARD, CASH], [CARD]),
    ("made nullable", "string", ["null", "string"]),
    ("made nullable, null last", "string", ["string", "null"]),
    ("made required", ["null", "string"], "string"),
    ("nullable turned", record(field("x", ["null", "string"])), record(field("x", ["string", "null"]))),
    ("nullable and widened", record(field("x", "int")), record(field("x", ["null", "long"]))),
    ("nullable widened", record(field("x", ["null", "int"])), record(field("x", ["null", "long"]))),
    ("nullable record grown", record(field("x", ["null", MONEY])), record(field("x", ["null", WIDER]))),
    ("union of one", ["int"], "long"),
    ("promotion in a union, in its order", "int", ["float", "long"]),
    ("promotion in a union, exact first", "int", ["long", "int"]),
    ("long to a union", "long", ["int", "double"]),
    ("string to bytes in a union", "string", ["null", "bytes"]),
    ("bytes to string in a union", "bytes", ["null", "string"]),
    ("branch by alias", [CARD, CASH], [record(field("id", "string"), name="p.Plastic", aliases=["p.Card"]), CASH]),
    ("branch by short name", CARD, ["null", record(field("id", "string"), name="q.Card")]),
    ("exact name before short name", CARD, [record(field("id", "string"), name="q.Card"), CARD]),
    ("exact name that does not fit", record(field("id", "int"), name="p.Card"), [CARD, record(field("id", "int"), name="q.Card")]),
    ("record of another name in a union", CARD, ["null", record(field("id", "string"), name="p.Voucher")]),
    ("array of a union", array(["null", "int"]), array(["int", "null", "string"])),
    ("map of a union", map_(["null", "int"]), map_(["int", "null"])),
    ("union in a union's record", ["null", record(field("x", ["int", "string"]))], [record(field("x", ["string", "long"])), "null"]),
    ("array branch narrowed", ["null", array("long")], ["null", array("int")]),
    # Aliases.
    ("field renamed", record(field("old", "int"), B), record(field("new", "int", aliases=["old"]), B)),
    ("field renamed, with a default", record(field("old", "int"), B), record(field("new", "int", 9, aliases=["old"]), B)),
    ("field renamed without alias", record(field("old", "int")), record(field("new", "int"))),
    ("field renamed twice", record(field("a", "int")), record(field("c", "long", aliases=["b", "a"]))),
    ("field and alias both written", record(field("a", "int"), field("b", "int")), record(field("b", "int", aliases=["a"]))),
    ("alias that another field has taken", record(field("a", "int")), record(field("a", "int"), field("b", "int", 3, aliases=["a"]))),
    ("fields swap names by alias", record(field("a", "int"), field("b", "int")),
     record(field("b", "int", aliases=["a"]), field("a", "int", aliases=["b"]))),
    ("record renamed", record(A, name="n.Old"), record(A, name="n.New", aliases=["Old"])),
    ("record renamed, full alias", record(A, name="m.Old"), record(A, name="n.New", aliases=["m.Old"])),
    ("record renamed, alias in the wrong namespace", record(A, name="m.Old"), record(A, name="n.New", aliases=["Old"])),
    ("record renamed without alias", record(A, name="Old"), record(A, name="New")),
    ("inner record renamed", record(field("x", record(A, name="Old"))), record(field("x", record(A, name="New", aliases=["Old"])))),
    ("inner record renamed without alias", record(field("x", record(A, name="Old"))), record(field("x", record(A, name="New")))),
    ("renamed record with a renamed field", record(field("x", record(field("a", "int"), name="Old"))),
     record(field("x", record(field("b", "int", aliases=["a"]), name="New", aliases=["Old"])))),
    ("enum renamed", record(field("x", enum("A", name="Old"))), record(field("x", enum("A", "B", name="New", aliases=["Old"])))),
    ("enum renamed without alias", enum("A", name="Old"), enum("A", name="New")),
    ("fixed renamed", record(field("x", fixed(4, name="Old"))), record(field("x", fixed(4, name="New", aliases=["Old"])))),
    ("fixed renamed without alias", fixed(4, name="Old"), fixed(4, name="New")),
    ("writer's aliases do not count", record(field("a", "int", aliases=["b"])), record(field("b", "int"))),
    # Enums.
    ("symbol added", record(field("x", enum("A", "B"))), record(field("x", enum("A", "B", "C")))),
    ("symbol lost", record(field("x", enum("A", "B", "C"))), record(field("x", enum("A", "B")))),
    ("symbol lost, with a default", record(field("x", enum("A", "B", "C"))), record(field("x", enum("A", "B", default="A")))),
    ("symbol lost, writer's default", record(field("x", enum("A", "B", "C", default="A"))), record(field("x", enum("A", "B")))),
    ("symbol lost, field's default", record(field("x", enum("A", "B", "C"))), record(field("x", enum("A", "B"), "A"))),
    ("symbols turned", enum("A", "B", "C"), enum("C", "A", "B")),
    ("all symbols lost, with a default", enum("A", "B"), enum("X", default="X")),
    ("enum to string", enum("A"), "string"),
    ("string to enum", "string", enum("A")),
    ("enum field added, with the enum's default", record(A), record(A, field("e", enum("X", default="X")))),
    ("enum field added, with a default", record(A), record(A, field("e", enum("X", "Y"), "Y"))),
    # Fields and defaults.
    ("field added", record(A), record(A, field("c", "long"))),
    ("field lost", record(A, B), record(A)),
    ("first field lost", record(B, A), record(A)),
    ("all fields lost", record(A, B), record()),
    ("fields turned", record(A, B, field("c", "double")), record(field("c", "double"), B, A)),
    ("fields turned, one promoted, one new", record(A, B), record(B, field("n", "int", 3), field("a", "double"))),
    ("inner record lost", record(field("x", WIDER), A), record(A)),
    ("inner records turned", record(field("x", record(A, B, name="I")), A), record(A, field("x", record(B, A, name="I")))),
    ("new array", record(A), record(field("x", array("int"), [1, 2, 3]), A)),
    ("new empty array", record(A), record(A, field("x", array("int"), []))),
    ("new map", record(A), record(A, field("x", map_("string"), {"k": "v"}))),
    ("new record", record(A), record(A, field("x", WIDER, {"cents": 3}))),
    ("new record, in full", record(A), record(A, field("x", WIDER, {"cents": 3, "currency": "USD"}))),
    ("new bytes", record(A), record(A, field("x", "bytes", "\u00ff\u0000a"))),
    ("new fixed", record(A), record(A, field("x", fixed(2), "\u00ff\u0001"))),
    ("new float and double", record(A), record(field("f", "float", 1.5), A, field("d", "double", -0.1))),
    ("new double from a whole number", record(A), record(A, field("d", "double", 2), field("f", "float", 2))),
    ("new union, null", record(A), record(A, field("x", ["null", "string"], None))),
    ("new union, text", record(A), record(A, field("x", ["string", "null"], "hi"))),
    ("new long", record(A), record(A, field("x", "long", -(2**63)))),
    ("new boolean", record(A), record(A, field("x", "boolean", False))),
    ("new null", record(A), record(A, field("x", "null", None))),
    ("new nested arrays", record(A), record(A, field("x", array(array("string")), [["a"], [], ["b", "c"]]))),
    ("new list", record(A), record(A, field("x", LIST, {"value": 1, "tail": None}))),
    ("writer's default does not count", record(), record(field("x", "int"))),
    # Promotions within.
    ("int to double in an array", array("int"), array("double")),
    ("long to float in a map", map_("long"), map_("float")),
    ("float to double", record(field("x", "float"), A), record(field("x", "double"), A)),
    ("double to float", record(field("x", "double")), record(field("x", "float"))),
    ("long to int", record(field("x", "long")), record(field("x", "int"))),
    ("int to string", record(field("x", "int")), record(field("x", "string"))),
    ("bytes to string", record(field("x", "bytes")), record(field("x", "string"))),
    ("fixed to bytes", record(field("x", fixed(3))), record(field("x", "bytes"))),
    ("array to map", array("int"), map_("int")),
    # Logical types, of which Avro's rules know nothing.
    ("millis to micros", logical("long", "timestamp-millis"), logical("long", "timestamp-micros")),
    ("date to timestamp", logical("int", "date"), logical("long", "timestamp-millis")),
    ("timestamp to long", logical("long", "timestamp-micros"), "long"),
    ("long to timestamp", "long", logical("long", "timestamp-micros")),
    ("uuid to string", logical("string", "uuid"), "string"),
    ("string to uuid", "string", logical("string", "uuid")),
    ("decimal's scale", logical("bytes", "decimal", precision=9, scale=2), logical("bytes", "decimal", precision=9, scale=4)),
    ("decimal to bytes", logical("bytes", "decimal", precision=9, scale=2), "bytes"),
    ("decimal on fixed to decimal on bytes", {**fixed(4), "logicalType": "decimal", "precision": 8}, logical("bytes", "decimal", precision=8)),
    ("decimal's precision", {**fixed(8), "logicalType": "decimal", "precision": 8}, {**fixed(8), "logicalType": "decimal", "precision": 12}),
    ("made-up logical type", logical("int", "made-up"), "int"),
    # Namespaces.
    ("namespace changed", record(A, name="m.R"), record(A, name="n.R")),
    ("namespace added", record(A), record(A, name="n.R")),
    ("inner namespace changed", record(field("x", enum("A", name="m.E"))), record(field("x", enum("A", name="n.E")))),
    ("two types of one short name", record(field("x", record(A, name="m.I")), field("y", record(B, name="n.I"))),
     record(field("y", record(B, name="n.I")), field("x", record(A, name="m.I")))),
    ("inherited namespace", record(field("x", enum("A", name="E")), name="n.R"), record(field("x", enum("A", name="n.E")), name="n.R")),
    ("no namespace within a namespace", record(field("x", enum("A", name="E", namespace="")), name="n.R"),
     record(field("x", enum("A", name="n.E")), name="n.R")),
    # Records of nothing.
    ("array of nothing grows", array(record()), array(record(field("x", "int", 4)))),
    ("array of null to a union", array("null"), array(["null", "int"])),
    ("map of null", map_("null"), map_(["int", "null"])),
]

# Texts that are judged on whether they are schemas at all.
REJECTED = [
    '"unknown"', '{"type": "unknown"}', "{}", "[", "1", '""', "true", "null",
    '{"type": "record"}', '{"type": "record", "name": "R"}', '{"type": "record", "fields": []}',
    '{"type": "record", "name": "R", "fields": {}}', '{"type": "record", "name": "R", "fields": [1]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a"}]}', '{"type": "record", "name": "R", "fields": [{"type": "int"}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}',
    '{"type": "record", "name": "1R", "fields": []}', '{"type": "record", "name": "R-R", "fields": []}',
    '{"type": "record", "name": "", "fields": []}', '{"type": "record", "name": "a..b", "fields": []}',
    '{"type": "record", "name": "R", "namespace": "1.2", "fields": []}',
    '{"type": "record", "name": "R", "fields": [{"name": "a b", "type": "int"}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "ä", "type": "int"}]}',
    '{"type": "record", "name": "int", "fields": []}', '{"type": "record", "name": "record", "fields": []}',
    '{"type": "enum", "name": "E"}', '{"type": "enum", "name": "E", "symbols": "A"}', '{"type": "enum", "name": "E", "symbols": []}',
    '{"type": "enum", "name": "E", "symbols": ["A", "A"]}', '{"type": "enum", "name": "E", "symbols": ["a b"]}',
    '{"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}', '{"type": "enum", "symbols": ["A"]}',
    '{"type": "fixed", "name": "F"}', '{"type": "fixed", "name": "F", "size": -1}', '{"type": "fixed", "name": "F", "size": "1"}',
    '{"type": "fixed", "name": "F", "size": 0}', '{"type": "fixed", "size": 1}',
    '{"type": "array"}', '{"type": "map"}', '{"type": "array", "items": "unknown"}',
    '["int", "int"]', '["null", ["int"]]', '[{"type": "array", "items": "int"}, {"type": "array", "items": "long"}]',
    '["int", {"type": "int"}]', '[{"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}]',
    '[{"type": "fixed", "name": "F", "size": 1}, "F"]', '[{"type": "fixed", "name": "a.F", "size": 1}, {"type": "fixed", "name": "b.F", "size": 1}]',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "fixed", "name": "R", "size": 1}}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": "x"}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": 2147483648}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": 1.5}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "long", "default": 9223372036854775807}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "double", "default": "NaN"}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "bytes", "default": "€"}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string", "default": null}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": ["null", "int"], "default": 1}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": ["null", "int"], "default": "x"}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["A"]}, "default": "B"}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "fixed", "name": "F", "size": 2}, "default": "a"}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "int"}, "default": ["x"]}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "record", "name": "S", "fields": [{"name": "b", "type": "int"}]}, "default": {}}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "R"}]}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "S"}, {"name": "b", "type": {"type": "record", "name": "S", "fields": []}}]}',
    '{"type": {"type": "record", "name": "R", "fields": []}}', '{"type": ["null", "int"]}', '{"type": {"type": "int"}}',
    '{"type": "bytes", "logicalType": "decimal"}', '{"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}',
    '{"type": "string", "logicalType": "date"}', '{"type": "int", "logicalType": 5}',
    '{"type": "error", "name": "Oops", "fields": []}', '{"type": "request", "name": "Q", "fields": []}',
    '{"type": "record", "name": "R", "aliases": ["1"], "fields": []}', '{"type": "record", "name": "R", "aliases": "S", "fields": []}',
    '{"type": "record", "name": "R", "doc": 5, "fields": []}', '{"type": "record", "name": ".R", "fields": []}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "order": "sideways"}]}',
] + json.loads((pathlib.Path(__file__).parent / "avro.json").read_text())
