-- name: find_key
select user_id, mode, role from api_keys where hash = %(hash)s and revoked_at is null;

-- name: make_key
insert into api_keys (id, user_id, mode, role, hash, hint, name)
values (%(id)s, %(user_id)s, %(mode)s, %(role)s, %(hash)s, %(hint)s, %(name)s)
returning id, user_id, mode, role, hint, name, created_at, last_used_at, revoked_at;

-- name: keys
select id, user_id, mode, role, hint, name, created_at, last_used_at, revoked_at
  from api_keys
 where %(user_id)s::uuid is null or user_id = %(user_id)s
 order by created_at, id;

-- name: revoke_key
-- Every process drops the key from its cache at once.
with revoked as (
    update api_keys set revoked_at = coalesce(revoked_at, now()) where id = %(id)s returning id, hash
)
select id, pg_notify('dustreel', 'key:' || encode(hash, 'hex')) from revoked;

-- name: touch_keys
update api_keys set last_used_at = now() where hash = any(%(hashes)s);
