-- Unique indexes that hold for every row and at once: not partial, not on expressions, not deferred.
SELECT (
    SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C")
    FROM pg_attribute a
    WHERE a.attrelid = i.indrelid
      AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
)
FROM pg_index i
WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL
