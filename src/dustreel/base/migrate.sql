-- name: lock
-- Held until its connection ends, whatever ends it.
select pg_advisory_lock(%(lock)s);

-- name: make_ledger
create table if not exists schema_migrations (
    name       text primary key,
    sha256     text not null,
    applied_at timestamptz not null default now()
);

-- name: applied
select sha256 from schema_migrations where name = %(name)s;

-- name: note
insert into schema_migrations (name, sha256) values (%(name)s, %(sha256)s);
