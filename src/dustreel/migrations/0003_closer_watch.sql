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

-- ─── Who is to be taken over ────────────────────────────────────────────────────────────────────────────────────────────
-- Functions in plpgsql, because each of their statements sees what is committed by now. A join would go by the sweep's own beginning, and
-- take a job from the worker to which another sweep has just given it.

create function queue_will_act(the_row bigint, dead_after double precision) returns boolean language plpgsql as $$
-- Whether the queue has a row that somebody will act on, or acts on now.
begin
    return exists (
        select from oban_jobs
         where id = the_row
           and (state in ('available', 'scheduled', 'retryable')
                or (state = 'executing' and attempted_at > timezone('UTC', now()) - make_interval(secs => dead_after))));
end $$;

create function job_is_orphaned(the_worker uuid, the_step text, the_queue_row bigint, dead_after double precision) returns boolean language plpgsql as $$
-- Its worker is dead; or nobody has it, and nothing will bring it up: a submission has a time to look again, and needs no queue row.
begin
    if the_worker is not null then
        return not exists (select from workers where id = the_worker and beaten_at >= now() - make_interval(secs => dead_after));
    end if;
    return the_step <> 'submitted' and not queue_will_act(the_queue_row, dead_after);
end $$;

create function job_share_told(share double precision) returns double precision language sql immutable as $$
-- Never 1 before the job is completed, and nothing where the provider says nothing: least() alone would make 0.99 of it.
    select case when share is not null then least(share, 0.99) end
$$;
