-- The fence. Every write passes dual_write_admit, which holds a shared lock until its transaction ends; whoever changes
-- the fence takes the same lock exclusively. So once a change has returned, no write admitted before it is in flight.

CREATE FUNCTION dual_write_lock_fence() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	-- With one snapshot for the whole transaction the fence would be read as it was before the lock was waited for.
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'dual-write-store needs the isolation level "read committed", this transaction has "%"', current_setting('transaction_isolation')
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Set default_transaction_isolation to ''read committed'' for the role or database it connects with.';
	END IF;
	PERFORM pg_advisory_xact_lock(1685549940, 1);
END $$;
--> statement-breakpoint
-- Whether a statement may write in the term it was `asked` to: as the authority's step only while Postgres is the authority in
-- exactly this term, as the mirror's step unless a later term has begun (for an earlier one the caller raises the fence first).
--
-- A statement that read the fence itself would read it in the statement's snapshot, taken before it waits for locks: it could
-- see "authority", wait for a row while the fence is closed and the log drained, and then write what nobody drains. Here the
-- lock comes first, and each query of a volatile function has a snapshot of its own, so the fence is read as it is while locked.
CREATE FUNCTION dual_write_admit(asked bigint, as_authority boolean,
	OUT admitted boolean, OUT term bigint, OUT role text, OUT redis_given_up boolean,
	OUT complete_all boolean, OUT complete text[], OUT incomplete text[], OUT micros bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'dual-write-store needs the isolation level "read committed", this transaction has "%"', current_setting('transaction_isolation')
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Set default_transaction_isolation to ''read committed'' for the role or database it connects with.';
	END IF;
	PERFORM pg_advisory_xact_lock_shared(1685549940, 1);
	SELECT f.term, f.role, f.redis_given_up, f.complete_all, f.complete, f.incomplete
		INTO term, role, redis_given_up, complete_all, complete, incomplete
		FROM dual_write_fence f WHERE f.id = 1;
	admitted := coalesce(term = asked AND (role = 'authority' OR NOT as_authority), false);
	micros := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
END $$;
--> statement-breakpoint
-- Creates the fence where none is.
CREATE FUNCTION dual_write_create_fence(new_term bigint, new_role text, is_complete boolean, given_up boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dual_write_lock_fence();
	INSERT INTO dual_write_fence (id, term, role, complete_all, redis_given_up) VALUES (1, new_term, new_role, is_complete, given_up)
		ON CONFLICT (id) DO NOTHING;
END $$;
--> statement-breakpoint
-- Ends the reign of exactly this term, unless the log of one of the `intact` collections has left out entries: nothing would carry
-- these over. True if the fence is closed at it afterwards.
CREATE FUNCTION dual_write_close_fence(asked bigint, intact text[] DEFAULT '{}') RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dual_write_lock_fence();
	UPDATE dual_write_fence f SET role = 'closed' WHERE f.id = 1 AND f.role = 'authority' AND f.term = asked
		AND NOT EXISTS (SELECT 1 FROM dual_write_log_overflow o WHERE split_part(o.collection, ':', 1) = ANY (intact));
	RETURN EXISTS (SELECT 1 FROM dual_write_fence f WHERE f.id = 1 AND f.role = 'closed' AND f.term = asked);
END $$;
--> statement-breakpoint
-- Begins the reign of this term, only from a lower one. True if Postgres is the authority in it afterwards.
CREATE FUNCTION dual_write_open_fence(asked bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dual_write_lock_fence();
	UPDATE dual_write_fence f SET role = 'authority', term = asked WHERE f.id = 1 AND f.term < asked;
	RETURN EXISTS (SELECT 1 FROM dual_write_fence f WHERE f.id = 1 AND f.role = 'authority' AND f.term = asked);
END $$;
--> statement-breakpoint
-- Raises a lower fence to this term, as a mirror.
CREATE FUNCTION dual_write_raise_fence(asked bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dual_write_lock_fence();
	UPDATE dual_write_fence f SET role = 'mirror', term = asked WHERE f.id = 1 AND f.term < asked;
END $$;
--> statement-breakpoint
-- Raises the term by one and keeps the role, only from exactly this term. The new term, or null if the fence stood elsewhere.
CREATE FUNCTION dual_write_raise_term(from_term bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	raised bigint;
BEGIN
	PERFORM dual_write_lock_fence();
	UPDATE dual_write_fence f SET term = f.term + 1 WHERE f.id = 1 AND f.term = from_term RETURNING f.term INTO raised;
	RETURN raised;
END $$;
--> statement-breakpoint
-- Marks one collection (null: all) complete or incomplete.
CREATE FUNCTION dual_write_set_complete(name text, is_complete boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dual_write_lock_fence();
	IF name IS NULL THEN
		UPDATE dual_write_fence f SET complete_all = is_complete, complete = '{}', incomplete = '{}' WHERE f.id = 1;
	ELSE
		UPDATE dual_write_fence f SET
			complete = array_remove(f.complete, name) || CASE WHEN is_complete AND NOT f.complete_all THEN ARRAY[name] ELSE '{}' END,
			incomplete = array_remove(f.incomplete, name) || CASE WHEN f.complete_all AND NOT is_complete THEN ARRAY[name] ELSE '{}' END
			WHERE f.id = 1;
	END IF;
END $$;
--> statement-breakpoint
-- From now on no repair log is kept (true), or one is again (false).
CREATE FUNCTION dual_write_set_redis_given_up(given_up boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dual_write_lock_fence();
	UPDATE dual_write_fence f SET redis_given_up = given_up WHERE f.id = 1;
END $$;
--> statement-breakpoint
-- The operation ids of two states of a counter brought together: the older's that the newer lacks, then the newer's, the last `keep`.
CREATE FUNCTION dual_write_merge_operations(older text[], newer text[], keep int) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
	SELECT merged.ids[greatest(1, cardinality(merged.ids) - keep + 1):] FROM (
		SELECT coalesce((SELECT array_agg(o.id ORDER BY o.place) FROM unnest(older) WITH ORDINALITY o(id, place) WHERE o.id <> ALL (newer)), '{}') || newer AS ids
	) merged
$$;
