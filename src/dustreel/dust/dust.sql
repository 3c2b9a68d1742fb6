-- name: open_account
-- The account, made at first sight with what newcomers are given.
select wallet, held from dust_open(%(user_id)s, %(mode)s, %(starting)s);

-- name: grant
select dust_grant(%(user_id)s, %(mode)s, %(amount)s, %(reference)s) as entry_id;

-- name: granted_before
select id, amount from dust_entries
 where kind = 'grant' and user_id = %(user_id)s and mode = %(mode)s and reference = %(reference)s;

-- name: entries
select id, kind, amount, from_account, to_account, job_id, reference, created_at, count(*) over () as total
  from dust_entries
 where user_id = %(user_id)s and mode = %(mode)s
 order by id desc
 limit %(limit)s offset %(offset)s;

-- name: count_entries
select count(*) as total from dust_entries where user_id = %(user_id)s and mode = %(mode)s;
