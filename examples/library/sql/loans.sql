CREATE TABLE IF NOT EXISTS loans (
    of    text, -- book or reader
    name  text,
    times bigint NOT NULL,
    PRIMARY KEY (of, name)
);
