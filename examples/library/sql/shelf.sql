CREATE TABLE IF NOT EXISTS shelf (
    book    text PRIMARY KEY,
    lent_to text,
    times   bigint NOT NULL
);
