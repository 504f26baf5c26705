-- Rows are locked in the order in which all lock them, whatever the plan: so nobody waits in a ring.
WITH held AS (
    SELECT m.*
    FROM unnest(
        $3::text[], $4::integer[],
        $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[], $9::boolean[],
        $10::uuid[], $11::bigint[], $12::bigint[], $13::bigint[], $14::boolean[]
    ) AS m (
        topic, partition,
        from_identity, from_offset, from_epoch, from_next, from_closed,
        to_identity, to_offset, to_epoch, to_next, to_closed
    )
    JOIN {table} AS p ON p.topic = m.topic AND p.partition = m.partition
    WHERE p.projection = $1 AND p.version = $2
    ORDER BY m.topic COLLATE "C", m.partition
    FOR NO KEY UPDATE OF p
)
UPDATE {table} AS p
SET identity = m.to_identity, "offset" = m.to_offset, epoch = m.to_epoch, next = m.to_next,
    closed = m.to_closed, updated_at = now()
FROM held AS m
WHERE NOT p.paused AND p.projection = $1 AND p.version = $2 AND p.topic = m.topic AND p.partition = m.partition
  AND p.identity IS NOT DISTINCT FROM m.from_identity
  AND p."offset" = m.from_offset AND p.epoch = m.from_epoch
  AND p.next = m.from_next AND p.closed = m.from_closed
  AND current_setting('factum.open', true) = '1' -- never outside the transaction that is meant
RETURNING p.topic, p.partition
