-- name: open_account
-- The account, made at first sight with what newcomers are given.
select wallet, held from dust_open(%(user_id)s, %(mode)s, %(starting)s);

-- name: grant
select dust_grant(%(user_id)s, %(mode)s, %(amount)s, %(reference)s) as entry_id;

-- name: granted_as
-- To whomever: a reference is an account's own, but an Idempotency-Key is for one request.
select user_id, mode, amount from dust_entries where kind = 'grant' and reference like 'key:%%' and reference = %(reference)s;

-- name: lock_reference
-- Of two requests with one key the second waits here, and then finds what the first wrote.
select pg_advisory_xact_lock(hashtextextended(%(reference)s, 0));

-- name: entries
select id, kind, amount, from_account, to_account, job_id, reference, created_at, count(*) over () as total
  from dust_entries
 where user_id = %(user_id)s and mode = %(mode)s
 order by id desc
 limit %(limit)s offset %(offset)s;

-- name: count_entries
select count(*) as total from dust_entries where user_id = %(user_id)s and mode = %(mode)s;
