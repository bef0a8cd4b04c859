-- Events, and what is looked through for their evidence.

-- name: evidence_event_said
SELECT coalesce(json_extract(fingerprints, '$.said'), ''), detected_at FROM event_envelope WHERE event_id = ?1;

-- name: evidence_open_put
INSERT INTO evidence_open (event_id, told, due) VALUES (?1, ?2, ?3) ON CONFLICT (event_id) DO UPDATE SET due = excluded.due;

-- name: evidence_open_gone
DELETE FROM evidence_open WHERE event_id = ?1;

-- name: evidence_open_count
SELECT count(*) FROM evidence_open;

-- name: evidence_due
SELECT o.event_id, e.tenant_id, coalesce(e.resource_id, 0), e.detected_at, coalesce(r.urn, ''), coalesce(json_extract(e.labels, '$.host'), ''), o.told
FROM evidence_open o JOIN event_envelope e USING (event_id) LEFT JOIN dim_resource r ON r.resource_id = e.resource_id WHERE o.due <= ?1 ORDER BY o.due, e.detected_at LIMIT 1;

-- name: evidence_named
-- A service by its name: one that is known.
SELECT resource_id FROM dim_resource WHERE tenant_id = ?1 AND (urn = ?2 OR name = ?2) ORDER BY urn = ?2 DESC, type = 'svc' DESC, resource_id LIMIT 1;

-- name: evidence_beside
-- All databases of one server, whatever named them.
SELECT resource_id, urn FROM dim_resource WHERE tenant_id = ?1 AND urn > ?2 AND urn < ?3 ORDER BY urn LIMIT ?4;

-- name: evidence_resource
SELECT resource_id FROM dim_resource WHERE tenant_id = ?1 AND urn = ?2;

-- name: evidence_calls
-- ?2: the hour before begins, ?3: the window begins, ?4: it ends. The last column: of its five minutes the worst, as a share in thousandths and then the second it begins.
SELECT c.src_resource_id, s.urn, c.dst_resource_id, d.urn,
       sum(CASE WHEN c.bucket >= ?3 THEN c.calls ELSE 0 END), sum(CASE WHEN c.bucket >= ?3 THEN c.errors ELSE 0 END), max(CASE WHEN c.bucket >= ?3 THEN c.p95_ms END),
       sum(CASE WHEN c.bucket < ?3 THEN c.calls ELSE 0 END), sum(CASE WHEN c.bucket < ?3 THEN c.errors ELSE 0 END), max(CASE WHEN c.bucket < ?3 THEN c.p95_ms END),
       max(CASE WHEN c.bucket >= ?3 THEN 1.0 * c.errors / c.calls END), max(CASE WHEN c.bucket >= ?3 THEN CAST(1000.0 * c.errors / c.calls AS INTEGER) * 100000000000 + c.bucket / 1000000 END)
FROM service_call_5m c JOIN dim_resource s ON s.resource_id = c.src_resource_id JOIN dim_resource d ON d.resource_id = c.dst_resource_id
WHERE (c.src_resource_id = ?1 OR c.dst_resource_id = ?1) AND c.bucket >= ?2 AND c.bucket < ?4
GROUP BY c.src_resource_id, c.dst_resource_id HAVING sum(CASE WHEN c.bucket >= ?3 THEN c.calls ELSE 0 END) > 0 ORDER BY 6 DESC, 5 DESC LIMIT ?5;

-- name: evidence_patterns
-- The last column: of its five minutes the busiest, as a count and then the second it begins.
SELECT l.fingerprint_id, p.pattern, coalesce(p.severity, ''), max(CASE WHEN l.bucket >= ?3 THEN l.count_total ELSE 0 END),
       sum(CASE WHEN l.bucket >= ?3 THEN l.count_total ELSE 0 END), sum(CASE WHEN l.bucket >= ?3 THEN l.count_error ELSE 0 END),
       sum(CASE WHEN l.bucket < ?3 THEN l.count_total ELSE 0 END), max(CASE WHEN l.bucket >= ?3 THEN min(l.count_total, 90000000) * 100000000000 + l.bucket / 1000000 END)
FROM log_pattern_5m l JOIN log_pattern p USING (fingerprint_id) WHERE l.resource_id = ?1 AND l.bucket >= ?2 AND l.bucket < ?4
GROUP BY l.fingerprint_id HAVING sum(CASE WHEN l.bucket >= ?3 THEN l.count_total ELSE 0 END) > 0 ORDER BY 6 DESC, 4 DESC LIMIT ?5;

-- name: evidence_logs_before
SELECT EXISTS (SELECT 1 FROM log_pattern_5m WHERE resource_id = ?1 AND bucket >= ?2 AND bucket < ?3);

-- name: evidence_series_next
-- The next series of a thing by the table's own order: none of its rows is read.
SELECT metric, labels_hash FROM metric_1m WHERE resource_id = ?1 AND (metric, labels_hash) > (?2, ?3) ORDER BY metric, labels_hash LIMIT 1;

-- name: evidence_series_rows
SELECT bucket, avg_val, labels FROM metric_1m WHERE resource_id = ?1 AND metric = ?2 AND labels_hash = ?3 AND bucket >= ?4 AND bucket < ?5 ORDER BY bucket;

-- name: evidence_locators
SELECT id, t_from, events FROM oo_locator WHERE resource_id = ?1 AND dataset = ?2 AND t_from >= ?3 AND t_from < ?4 ORDER BY t_from;

-- name: evidence_id
SELECT evidence_id FROM evidence_link WHERE event_id = ?1 AND dim = ?2 AND ref_pg_hash = coalesce(?3, '') AND coalesce(ref_oo, 0) = ?4;

-- name: evidence_only
-- What was not found again goes; what others know (kb) stays.
DELETE FROM evidence_link WHERE event_id = ?1 AND dim <> 'kb' AND evidence_id NOT IN (SELECT value FROM json_each(?2));
