-- name: lock
-- Who counts, and then sends, does so alone for this provider until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('dustreel provider ' || %(provider)s, 0));

-- name: stand
-- Only what somebody asked to be limited is counted. `ahead` are jobs that wait for the same provider, and have for longer.
select (select extract(epoch from until - now())::float8 from provider_rests where provider = %(provider)s and until > now()) as rests,
       exists (select from provider_circuits where provider = %(provider)s and model = %(model)s and open_until is not null) as is_open,
       exists (select from provider_circuits
                where provider = %(provider)s and model = %(model)s and (open_until > now() or probe_until > now())) as is_shut,
       case when %(counts_places)s
            then (select count(*) from submissions where provider = %(provider)s and wake_at is not null) end as under_way,
       case when %(counts_rate)s
            then (select count(*) from submissions
                   where provider = %(provider)s and created_at > now() - make_interval(secs => %(window)s)) end as recent,
       case when %(counts_places)s or %(counts_rate)s
            then (select count(*) from jobs other
                   where other.provider = %(provider)s and other.step = 'accepted' and other.status in ('starting', 'processing')
                     and (other.started_at, other.id) < (jobs.started_at, jobs.id)) end as ahead,
       case when %(counts_dollars)s
            then (select coalesce(sum(usd), 0) from submissions
                   where provider = %(provider)s and created_at > now() - interval '1 day' and state <> 'refused') end as spent
  from jobs where jobs.id = %(job_id)s;

-- name: probe
-- The circuit has been open for long enough: one order may try, and whoever sends it says how it went.
update provider_circuits set probe_until = now() + make_interval(secs => %(seconds)s)
 where provider = %(provider)s and model = %(model)s and open_until <= now() and coalesce(probe_until, now()) <= now()
returning provider;

-- name: is_well
delete from provider_circuits where provider = %(provider)s and model = %(model)s;

-- name: failed
-- Only a probe that fails makes the pause longer; what was on its way when the circuit opened says nothing new.
insert into provider_circuits as circuit (provider, model, failures) values (%(provider)s, %(model)s, 1)
on conflict (provider, model) do update
   set failures = circuit.failures + case when circuit.open_until > now() then 0 else 1 end,
       probe_until = null,
       open_until = case when circuit.open_until > now() then circuit.open_until
                         when circuit.failures + 1 >= %(at_most)s
                         then now() + make_interval(secs => least(%(seconds)s * 2.0 ^ least(circuit.failures + 1 - %(at_most)s, 20), %(longest)s)) end;

-- name: rest
insert into provider_rests as rest (provider, until) values (%(provider)s, now() + make_interval(secs => %(seconds)s))
on conflict (provider) do update set until = greatest(rest.until, excluded.until);

-- name: shut
select provider, model from provider_circuits where open_until > now() or probe_until > now()
union all
select provider, null from provider_rests where until > now() + make_interval(secs => %(short)s);

-- name: spent
select provider, coalesce(sum(usd), 0) as spent from submissions
 where provider = any(%(providers)s) and created_at > now() - interval '1 day' and state <> 'refused'
 group by provider;
