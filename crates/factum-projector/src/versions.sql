CREATE TABLE {versions} (
    projection text NOT NULL,
    version integer NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'live', 'retired', 'cancelled')),
    topic text NOT NULL,
    home text NOT NULL,
    place text NOT NULL,
    tables text[] NOT NULL,
    shape text NOT NULL,
    indexed boolean NOT NULL,
    automatic boolean NOT NULL,
    failure text,
    began_at timestamptz NOT NULL DEFAULT now(),
    switched_at timestamptz,
    PRIMARY KEY (projection, version)
);
CREATE UNIQUE INDEX ON {versions} (projection) WHERE state = 'live';
COMMENT ON TABLE {versions} IS
    'The versions of each projection, and which one readers see. Changed by workers and by `factum projection`: do not edit.';
