-- name: lock
-- Who counts, and then sends, does so alone for this provider until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('dustreel provider ' || %(provider)s, 0));

-- name: stand
select (select count(*) from submissions where provider = %(provider)s and wake_at is not null) as under_way,
       (select count(*) from submissions where provider = %(provider)s and created_at > now() - make_interval(secs => %(window)s)) as recent,
       (select coalesce(sum(usd), 0) from submissions
         where provider = %(provider)s and created_at > now() - interval '1 day' and state <> 'refused') as spent,
       (select extract(epoch from until - now())::float8 from provider_rests where provider = %(provider)s and until > now()) as rests,
       (select count(*) from jobs where provider = %(provider)s and step = 'accepted' and status in ('starting', 'processing')) as crowd,
       exists (select from provider_circuits where provider = %(provider)s and model = %(model)s and open_until is not null) as is_open,
       exists (select from provider_circuits
                where provider = %(provider)s and model = %(model)s and (open_until > now() or probe_until > now())) as rests_open;

-- name: probe
-- The circuit has been open for long enough: one order may try, and whoever sends it says how it went.
update provider_circuits set probe_until = now() + make_interval(secs => %(seconds)s)
 where provider = %(provider)s and model = %(model)s and open_until <= now() and coalesce(probe_until, now()) <= now()
returning provider;

-- name: took
delete from provider_circuits where provider = %(provider)s and model = %(model)s;

-- name: failed
insert into provider_circuits as circuit (provider, model, failures) values (%(provider)s, %(model)s, 1)
on conflict (provider, model) do update
   set failures = circuit.failures + 1,
       probe_until = null,
       open_until = case when circuit.failures + 1 >= %(at_most)s
                         then now() + make_interval(secs => least(%(seconds)s * 2.0 ^ least(circuit.failures + 1 - %(at_most)s, 20), %(longest)s)) end;

-- name: rest
insert into provider_rests as rest (provider, until) values (%(provider)s, now() + make_interval(secs => %(seconds)s))
on conflict (provider) do update set until = greatest(rest.until, excluded.until);

-- name: closed
select provider, model from provider_circuits where open_until > now() or probe_until > now();

-- name: spent
select provider, coalesce(sum(usd), 0) as spent from submissions
 where provider = any(%(providers)s) and created_at > now() - interval '1 day' and state <> 'refused'
 group by provider;
