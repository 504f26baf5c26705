CREATE TABLE {table} (
    projection text NOT NULL,
    version integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    sequence bigint NOT NULL,
    "offset" bigint NOT NULL,
    aggregate text NOT NULL,
    aggregate_version bigint NOT NULL,
    event text,
    keys text[] NOT NULL,
    record_key bytea NOT NULL,
    record_header bytea NOT NULL,
    record_value bytea NOT NULL,
    error text,
    attempts integer NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    replay_asked_at timestamptz,
    PRIMARY KEY (projection, version, topic, partition, sequence)
);
COMMENT ON TABLE {table} IS
    'Events that projections could not apply, and those behind them. See factum dead-letters: do not edit.';
COMMENT ON COLUMN {table}.keys IS
    'The keys that are parked with the event; none: its whole aggregate.';
COMMENT ON COLUMN {table}.error IS
    'Why the event failed; null: it waits behind another.';
