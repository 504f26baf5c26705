-- What each of the bank's people did on a day (UTC).
CREATE TABLE IF NOT EXISTS workload (
    resource  text        NOT NULL, -- '(unknown)' where the log does not say who
    day       date        NOT NULL,
    scheduled integer     NOT NULL,
    started   integer     NOT NULL,
    completed integer     NOT NULL,
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    PRIMARY KEY (resource, day)
);
