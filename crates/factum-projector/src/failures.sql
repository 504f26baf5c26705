CREATE TABLE {failures} (
    projection text NOT NULL,
    version integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    error text NOT NULL,
    worker text NOT NULL,
    address text,
    failed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, version, topic, partition),
    FOREIGN KEY (projection, version, topic, partition) REFERENCES {positions} ON DELETE CASCADE
);
COMMENT ON TABLE {failures} IS
    'With which error a worker of each version ended last, and where its partitions stood then. Nothing depends on it.';
