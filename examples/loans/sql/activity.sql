-- One row for each event of an application and its offers. Rows never change.
CREATE TABLE IF NOT EXISTS activity (
    partition integer     NOT NULL, -- go on reading by partition and sequence:
    sequence  bigint      NOT NULL, -- within a partition there are no gaps
    case_id   text        NOT NULL,
    what      text        NOT NULL,
    who       text,                 -- null where the log does not say
    at        timestamptz NOT NULL
);
