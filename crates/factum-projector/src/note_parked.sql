UPDATE {table} AS p SET parked = true
WHERE (projection, version, topic, partition) IN (SELECT projection, version, topic, partition FROM {letters});
