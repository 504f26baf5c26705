-- One row for each application.
CREATE TABLE IF NOT EXISTS loan_board (
    case_id      text        PRIMARY KEY,
    state        text        NOT NULL, -- the application's last step
    outcome      text        NOT NULL, -- activated, declined, cancelled or open
    amount       bigint      NOT NULL, -- asked for, in whole euros
    offers       integer     NOT NULL, -- offers drawn up
    events       integer     NOT NULL, -- steps of the application and its offers
    resources    text[]      NOT NULL, -- who took them, in order of appearance
    submitted_at timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    ended_at     timestamptz           -- of the step that made the outcome
);
