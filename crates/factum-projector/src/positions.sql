CREATE TABLE {table} (
    projection text NOT NULL,
    version integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    identity uuid,
    "offset" bigint NOT NULL,
    epoch bigint NOT NULL,
    next bigint NOT NULL,
    closed boolean NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    paused boolean NOT NULL DEFAULT false,
    parked boolean NOT NULL DEFAULT false,
    PRIMARY KEY (projection, version, topic, partition)
);
COMMENT ON TABLE {table} IS
    'How far each projection has come. Moved only in the transaction that writes its rows: do not edit.';
COMMENT ON COLUMN {table}.parked IS
    'Whether an event of the partition was ever parked: then a worker must know of the dead letters.';
