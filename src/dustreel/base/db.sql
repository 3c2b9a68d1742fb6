-- name: limits
-- For as long as the connection lives. Not at its start, where a PgBouncer in between refuses them.
select set_config(name, value, false) from unnest(%(names)s::text[], %(values)s::text[]) as said (name, value);

-- name: one_state
set transaction isolation level repeatable read, read only;
