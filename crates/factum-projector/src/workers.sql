CREATE UNLOGGED TABLE {workers} (
    id uuid PRIMARY KEY,
    projection text NOT NULL,
    version integer NOT NULL,
    phase text NOT NULL,
    interruption text,
    per_second bigint,
    owned jsonb NOT NULL,
    seen_at timestamptz NOT NULL
);
COMMENT ON TABLE {workers} IS
    'What workers last said about themselves, for those who ask for the status. Nothing depends on it.';
