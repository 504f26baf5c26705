CREATE TABLE {owners} (
    table_oid regclass PRIMARY KEY,
    owner text NOT NULL
);
COMMENT ON TABLE {owners} IS
    'Which projection each read model of this schema belongs to. Drop a read model to free it: do not edit.';
