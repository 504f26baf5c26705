CREATE TABLE IF NOT EXISTS {skips} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    projection text NOT NULL,
    version integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    from_offset bigint NOT NULL,
    to_offset bigint NOT NULL,
    first_sequence bigint NOT NULL,
    events bigint NOT NULL,
    reason text,
    role text NOT NULL DEFAULT current_user,
    skipped_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (projection, version, topic, partition) REFERENCES {positions} ON DELETE CASCADE
);
COMMENT ON TABLE {skips} IS
    'Events that operators had versions pass over with factum projection seek --skip: do not edit.';
