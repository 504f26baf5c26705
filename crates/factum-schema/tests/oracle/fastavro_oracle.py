"""Makes fastavro.json from cases.json: what fastavro reads of each value; see README.md."""

import io
import json
import sys

import fastavro


def plain(schema):
    """The schema without its logical types: Avro resolves what is beneath them, fastavro would convert."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if isinstance(schema, dict):
        return {key: part if key == "default" else plain(part) for key, part in schema.items() if key != "logicalType"}
    return schema


def parse(schema):
    try:
        return fastavro.parse_schema(plain(schema))
    except Exception:
        return None


def reread(writer, reader, value):
    """The value as fastavro writes it with the reader's schema; None if it can't be read or written."""
    try:
        source = io.BytesIO(bytes.fromhex(value))
        # Without the names of branches, a record of a union would be written as whichever fits.
        datum = fastavro.schemaless_reader(source, writer, reader, return_record_name=True, return_named_type=True)
        if source.read():
            return None
        out = io.BytesIO()
        fastavro.schemaless_writer(out, reader, datum)
        return out.getvalue().hex()
    except Exception:
        return None


def fingerprint(schema):
    try:
        form = fastavro.schema.to_parsing_canonical_form(fastavro.parse_schema(schema))
        return bytes.fromhex(fastavro.schema.fingerprint(form, "CRC-64-AVRO"))[::-1].hex()
    except Exception:
        return None


def main():
    cases = json.load(sys.stdin)
    pairs = []
    for _, writer, reader, values in cases["pairs"]:
        w, r = parse(cases["schemas"][writer]), parse(cases["schemas"][reader])
        read = [None] * len(values) if w is None or r is None else [reread(w, r, value) for value in values]
        pairs.append(read)
    fingerprints = [fingerprint(schema) for schema in cases["schemas"]]
    answers = {"fingerprints": fingerprints, "pairs": pairs}
    json.dump(answers, sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
