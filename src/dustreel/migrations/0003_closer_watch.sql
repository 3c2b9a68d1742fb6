-- What the first schema left open.

-- ─── Money moves only with its job ──────────────────────────────────────────────────────────────────────────────────────

create function dust_entry_fits_its_job() returns trigger language plpgsql as $$
-- Checked when the transaction ends, by the job's status of then. A hold comes with the job's own row, which has a check of its own.
declare
    the_status text;
    kinds      text[];
begin
    select status into the_status from jobs where id = new.job_id;
    select array_agg(kind order by kind) into kinds from dust_entries where job_id = new.job_id;
    if job_money_fits(the_status, kinds) then
        return null;
    end if;
    raise exception 'a job that is % has the entries %', the_status, kinds using errcode = 'integrity_constraint_violation';
end $$;

create function job_money_fits(the_status text, kinds text[]) returns boolean language sql immutable as $$
    select (case the_status
        when 'queued'     then kinds = '{hold}'
        when 'starting'   then kinds = '{capture,hold}'
        when 'processing' then kinds = '{capture,hold}'
        when 'completed'  then kinds = '{capture,hold}'
        when 'failed'     then kinds in ('{hold,release}', '{capture,hold,refund}')
        when 'cancelled'  then kinds in ('{hold,release}', '{capture,hold,refund}', '{capture,hold}')
    end) is true
$$;

create or replace function job_is_resolved() returns trigger language plpgsql as $$
-- Checked when the transaction ends: the money is where the status says it is.
declare
    kinds text[];
begin
    select array_agg(kind order by kind) into kinds from dust_entries where job_id = new.id;
    if job_money_fits(new.status, kinds) then
        return null;
    end if;
    raise exception 'a job that is % has the entries %', new.status, kinds using errcode = 'integrity_constraint_violation';
end $$;

create constraint trigger dust_entries_fit after insert on dust_entries
    deferrable initially deferred for each row when (new.kind in ('capture', 'release', 'refund')) execute function dust_entry_fits_its_job();

-- ─── Reads that grow with the table ─────────────────────────────────────────────────────────────────────────────────────

create index jobs_of_user on jobs (user_id, mode, created_at desc, id desc) where expired_at is null;
create index dust_grants_by_key on dust_entries (reference) where kind = 'grant' and reference like 'key:%';
create index jobs_of_lane on jobs (lane, finished_at desc) where status = 'completed';
