-- Before a sink `postgres` makes its tables, of either layout: those that are there already, because somebody made them from the data model's columns, or an older
-- version of ours did, get what they lack. What is another's stays as it is: rows, columns, what may not be NULL. A table that cannot be used is refused with a
-- sentence that names it. One statement, so that both layouts can embed it.
DO $do$ BEGIN

CREATE OR REPLACE FUNCTION homeostat_refuse(what text, remedy text) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
    RAISE EXCEPTION USING MESSAGE = what, HINT = remedy || ', or give the sink another `schema`', ERRCODE = 'object_not_in_prerequisite_state';
END $f$;

CREATE OR REPLACE FUNCTION homeostat_is_hyper(name text) RETURNS boolean LANGUAGE plpgsql AS $f$
DECLARE
    yes boolean := false;
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL AND EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb') THEN
        EXECUTE 'SELECT EXISTS (SELECT 1 FROM timescaledb_information.hypertables WHERE hypertable_schema = current_schema() AND hypertable_name = $1)' INTO yes USING name;
    END IF;
    RETURN yes;
END $f$;

CREATE OR REPLACE FUNCTION homeostat_is_parted(parent text, by_column text) RETURNS boolean LANGUAGE sql AS $f$
-- Into partitions that are made and dropped here. A table that somebody parted in another way is left to them.
SELECT EXISTS (SELECT 1 FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
               WHERE p.partrelid = to_regclass(quote_ident(parent)) AND p.partstrat = 'r' AND p.partnatts = 1 AND a.attname = by_column)
    AND NOT EXISTS (SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                    WHERE i.inhparent = to_regclass(quote_ident(parent)) AND c.relname !~ ('^' || parent || '_([0-9]{8}|rest)$')) $f$;

CREATE OR REPLACE FUNCTION homeostat_key_of(index oid) RETURNS text[] LANGUAGE sql AS $f$
SELECT array_agg(a.attname::text ORDER BY k.place) FROM pg_index x, unnest(x.indkey::int2[]) WITH ORDINALITY k(attnum, place), pg_attribute a
WHERE x.indexrelid = index AND k.place <= x.indnkeyatts AND a.attrelid = x.indrelid AND a.attnum = k.attnum $f$;

CREATE OR REPLACE FUNCTION homeostat_adopt_column(relation regclass, own boolean, name text, type text, at_first text, later text, role text) RETURNS void LANGUAGE plpgsql AS $f$
-- at_first: its default when it is added, '': NULL. later: the default of a column that we made ourselves, '': as at_first. role: filled, read, or ours.
DECLARE
    there pg_attribute := (SELECT a FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = name AND a.attnum > 0 AND NOT a.attisdropped);
    is_key boolean := EXISTS (SELECT 1 FROM pg_index x WHERE x.indrelid = relation AND x.indisprimary AND name = ANY (homeostat_key_of(x.indexrelid)));
    value text := coalesce(nullif(later, ''), at_first);
BEGIN
    IF there.attname IS NULL AND role <> 'ours' THEN
        PERFORM homeostat_refuse(format('table %s has no column %I (%s), which the sink needs', relation, name, type), format('ALTER TABLE %s ADD COLUMN %I %s', relation, name, type));
    ELSIF there.attname IS NULL THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s %s', relation, name, type, CASE WHEN at_first <> '' THEN 'NOT NULL DEFAULT ' || at_first ELSE '' END);
        RETURN;
    END IF;
    IF there.atttypid <> type::regtype AND NOT (type = 'text' AND there.atttypid = 'varchar'::regtype) THEN
        PERFORM homeostat_refuse(format('column %I of table %s is of type %s, and the sink needs %s', name, relation, format_type(there.atttypid, there.atttypmod), type),
            format('ALTER TABLE %s ALTER COLUMN %I TYPE %s', relation, name, type));
    ELSIF role <> 'read' AND (there.attgenerated <> '' OR there.attidentity = 'a') THEN
        PERFORM homeostat_refuse(format('column %I of table %s is generated, and the sink fills it', name, relation), 'rename the table');
    END IF;
    IF own AND value <> '' AND NOT there.atthasdef THEN
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', relation, name, value);
    ELSIF own AND value = '' AND there.attnotnull AND NOT is_key THEN
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', relation, name);
    END IF;
EXCEPTION WHEN feature_not_supported THEN                 -- of a packed hypertable
    IF own THEN
        RAISE WARNING 'column % of % stays as it was: %', name, relation, SQLERRM;
    ELSE
        PERFORM homeostat_refuse(format('table %s cannot have column %I added: %s', relation, name, SQLERRM), 'unpack its chunks first');
    END IF;
END $f$;

CREATE OR REPLACE FUNCTION homeostat_adopt_unique(relation regclass, fills text[], key text[], spares text[]) RETURNS void LANGUAGE plpgsql AS $f$
-- What is unique there must let our rows pass. A key of the data model that does not know who counted gets that added, which takes nothing from those who do not say it.
DECLARE
    x record;
    wide text;
BEGIN
    FOR x IN SELECT c.relname AS name, k.conname, i.indisprimary, homeostat_key_of(i.indexrelid) AS has FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = relation AND k.contype IN ('p', 'u')
             WHERE i.indrelid = relation AND i.indisunique AND i.indexprs IS NULL AND i.indpred IS NULL LOOP
        CONTINUE WHEN x.has @> key OR NOT x.has <@ fills OR (x.has <@ spares AND spares <@ x.has);
        IF NOT key <@ (x.has || ARRAY['origin_id', 'labels_hash']) THEN
            PERFORM homeostat_refuse(format('table %s may hold one row only for each (%s), says %I, and the sink has several', relation, array_to_string(x.has, ', '), x.name),
                CASE WHEN x.conname IS NULL THEN format('DROP INDEX %I', x.name) ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', relation, x.conname) END);
        END IF;
        wide := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(x.has || ARRAY(SELECT k FROM unnest(key) k WHERE k <> ALL (x.has))) c);
        BEGIN
            IF x.conname IS NULL THEN
                EXECUTE format('DROP INDEX %I', x.name);
                EXECUTE format('CREATE UNIQUE INDEX %I ON %s (%s)', x.name, relation, wide);
            ELSE
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s (%s)', relation, x.conname, x.conname, CASE WHEN x.indisprimary THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, wide);
            END IF;
        EXCEPTION WHEN dependent_objects_still_exist OR feature_not_supported OR not_null_violation THEN
            PERFORM homeostat_refuse(format('%I of table %s cannot become (%s): %s', x.name, relation, wide, SQLERRM), 'make it so');
        END;
    END LOOP;
END $f$;

CREATE OR REPLACE FUNCTION homeostat_adopt_key(relation regclass, key text[], predicate text) RETURNS void LANGUAGE plpgsql AS $f$
-- The unique index by which rows that come again are known; none for an empty key. predicate: of which rows; of others nothing is asked.
DECLARE
    name text := format('homeostat_%s_once', (SELECT relname FROM pg_class WHERE oid = relation));
    columns text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(key) k);
    make text := format('CREATE UNIQUE INDEX %I ON %s (%s) %s', name, relation, columns, predicate);
BEGIN
    IF key = '{}' OR to_regclass(quote_ident(name)) IS NOT NULL OR EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = relation AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indexprs IS NULL
            AND i.indpred IS NULL AND homeostat_key_of(i.indexrelid) @> key AND homeostat_key_of(i.indexrelid) <@ key) THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE make;
    EXCEPTION WHEN feature_not_supported THEN             -- a hypertable that is packed takes none; what packs it is said again afterwards
        EXECUTE format('SELECT %I.remove_compression_policy(%L::regclass, if_exists => true)', (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
            WHERE e.extname = 'timescaledb'), relation::text);
        EXECUTE format('ALTER TABLE %s SET (timescaledb.compress = false)', relation);
        EXECUTE make;
    END;
EXCEPTION
    WHEN insufficient_privilege OR lock_not_available OR deadlock_detected THEN
        RAISE;
    WHEN unique_violation THEN
        PERFORM homeostat_refuse(format('rows of table %s are there twice by (%s), which the sink needs to be unique', relation, columns), 'take the second ones out');
    WHEN OTHERS THEN
        PERFORM homeostat_refuse(format('table %s cannot have a unique index on (%s), which the sink needs: %s', relation, columns, SQLERRM), 'make it so that "' || make || '" works');
END $f$;

CREATE OR REPLACE FUNCTION homeostat_adopt(name text, needs text[], adds text[], key text[], predicate text, spares text[]) RETURNS void LANGUAGE plpgsql AS $f$
-- needs: columns of the data model, name|type, and |? for one that may be NULL, |- for one that the server fills. adds: ours, name|type|default when added|default where we made it. key: of our rows.
-- spares: columns that may be unique for all that, for the sink copes.
DECLARE
    relation regclass := to_regclass(quote_ident(name));
    own boolean := EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conrelid = relation AND c.contype IN ('p', 'u') AND homeostat_key_of(c.conindid) @> key AND homeostat_key_of(c.conindid) <@ key);
    fills text[] := ARRAY(SELECT split_part(f, '|', 1) FROM unnest(needs || adds) f WHERE split_part(f, '|', 3) <> '-');
    item text;
BEGIN
    IF relation IS NULL THEN
        RETURN;
    ELSIF (SELECT relkind FROM pg_class WHERE oid = relation) NOT IN ('r', 'p') THEN
        PERFORM homeostat_refuse(format('%s is no table, and the sink has to put rows there', relation), 'rename it');
    END IF;
    FOREACH item IN ARRAY needs LOOP
        PERFORM homeostat_adopt_column(relation, own AND split_part(item, '|', 3) = '?', split_part(item, '|', 1), split_part(item, '|', 2), '', '',
            CASE WHEN split_part(item, '|', 3) = '-' THEN 'read' ELSE 'filled' END);
    END LOOP;
    FOREACH item IN ARRAY adds LOOP
        PERFORM homeostat_adopt_column(relation, own, split_part(item, '|', 1), split_part(item, '|', 2), split_part(item, '|', 3), split_part(item, '|', 4), 'ours');
    END LOOP;
    item := (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
             AND a.attname <> ALL (fills) LIMIT 1);
    IF item IS NOT NULL THEN
        PERFORM homeostat_refuse(format('column %I of table %s must not be NULL, and the sink does not know it', item, relation), format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT ...', relation, item));
    END IF;
    PERFORM homeostat_adopt_unique(relation, fills, key, spares), homeostat_adopt_key(relation, key, predicate);
EXCEPTION WHEN insufficient_privilege THEN
    PERFORM homeostat_refuse(format('table %s belongs to role %s, and the sink has to add to it: %s', name, (SELECT relowner::regrole FROM pg_class WHERE oid = relation), SQLERRM),
        format('GRANT %s TO %I', (SELECT relowner::regrole FROM pg_class WHERE oid = relation), current_user));
END $f$;

CREATE OR REPLACE FUNCTION homeostat_adopt_rest(name text, known text, pointer text) RETURNS void LANGUAGE plpgsql AS $f$
-- known: what must hold for rows of ours, since the data model lets them be NULL. pointer: a column that may point to what is gone by then.
DECLARE
    relation regclass := to_regclass(quote_ident(name));
    item text;
BEGIN
    IF relation IS NULL THEN
        RETURN;
    END IF;
    FOR item IN SELECT c.conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = relation AND a.attname = pointer WHERE c.conrelid = relation AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum] LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', relation, item);
    END LOOP;
    IF known <> '' AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = relation AND conname = 'homeostat_known') THEN
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT homeostat_known CHECK (%s) NOT VALID', relation, known);
    END IF;
EXCEPTION WHEN feature_not_supported THEN                 -- of a packed hypertable; it is a second look only
    RAISE WARNING 'table % is not looked at twice: %', relation, SQLERRM;
END $f$;

END $do$;
