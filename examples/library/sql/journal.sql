CREATE TABLE IF NOT EXISTS journal (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition integer     NOT NULL,
    sequence  bigint      NOT NULL,
    at        timestamptz NOT NULL,
    book      text        NOT NULL,
    lent_to   text
);
