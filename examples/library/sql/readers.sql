CREATE TABLE IF NOT EXISTS readers (
    reader text PRIMARY KEY,
    name   text,
    loans  bigint NOT NULL,
    paid   bigint NOT NULL
);
