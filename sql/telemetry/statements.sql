-- Statements on telemetry.db.

-- name: resource_put
INSERT INTO dim_resource (urn, type, name, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (urn) DO NOTHING;

-- name: metric_put
INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, avg_val, max_val, p95_val, samples)
VALUES (?1, 1, (SELECT resource_id FROM dim_resource WHERE urn = ?2), ?3, ?4, ?5, ?6, ?7)
-- A minute in whose middle the program ended comes in two parts. The p95 of both is at most the greater one.
ON CONFLICT (resource_id, metric, bucket) DO UPDATE SET
    avg_val = (avg_val * samples + excluded.avg_val * excluded.samples) / (samples + excluded.samples),
    max_val = max(max_val, excluded.max_val), p95_val = max(p95_val, excluded.p95_val), samples = samples + excluded.samples;

-- name: metric_forget
DELETE FROM metric_1m WHERE bucket < ?1;

-- name: metric_read
SELECT m.bucket, m.avg_val, m.max_val, m.p95_val FROM metric_1m m JOIN dim_resource r USING (resource_id)
WHERE r.name = ?1 AND m.metric = ?2 AND m.bucket >= ?3 AND m.bucket < ?4 ORDER BY m.bucket LIMIT 20000;
