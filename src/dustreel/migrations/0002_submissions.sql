-- Renderers on the other side of a network: one row for each order that was, or may have been, sent to one.

alter table jobs drop constraint jobs_step_check;
alter table jobs add constraint job_step_known check (step in ('accepted', 'submitted', 'rendered', 'stored', 'filed'));
-- Attempts also count rescues, which are nobody's fault; only stumbles bring a job nearer to giving up.
alter table jobs add column stumbles integer not null default 0 check (stumbles >= 0);

-- ─── Submissions ────────────────────────────────────────────────────────────────────────────────────────────────────────
-- The row is committed before the first byte goes out. While it is open it has a time to be looked at: that is the whole of waiting.

create table submissions (
    id          uuid primary key,
    job_id      uuid not null references jobs,
    attempt     integer not null check (attempt > 0),                         -- the job's, when it was made
    provider    text not null,
    model       text not null,
    sent        jsonb,                                                        -- the renderer's input, word for word; gone with the end
    state       text not null default 'intent',
    upstream_id text,                                                         -- the provider's own name for it
    output      text,                                                         -- where the provider keeps the video for a while
    error       text,
    looks       integer not null default 0,
    wake_at     timestamptz,
    urgent      boolean not null default false,                               -- looked at before all others, whatever their number
    settle_by   timestamptz not null,                                         -- until then it may stay unknown whether it was taken
    created_at  timestamptz not null default now(),
    ended_at    timestamptz,

    constraint submission_state_known check (state in ('intent', 'accepted', 'refused', 'succeeded', 'failed', 'cancelled', 'lost')),
    constraint submission_wakes_while_open check ((wake_at is not null) = (state in ('intent', 'accepted'))),
    constraint submission_urgent_is_open check (urgent <= (wake_at is not null)),
    constraint submission_ended_is_dated check ((ended_at is null) = (state in ('intent', 'accepted'))),
    constraint submission_taken_has_a_name check ((state in ('accepted', 'succeeded', 'failed', 'cancelled')) <= (upstream_id is not null)),
    constraint submission_succeeded_left_a_video check ((state = 'succeeded') = (output is not null)),
    constraint submission_forgets_at_its_end check ((sent is null) or state in ('intent', 'accepted'))
);
-- Whatever was not provably refused may have been charged to the operator: there is never a second one beside it.
create unique index submission_one_a_job on submissions (job_id) where state <> 'refused';
create unique index submission_of_upstream on submissions (provider, upstream_id) where upstream_id is not null;
create index submissions_of_job on submissions (job_id);
create index submissions_by_wake on submissions (wake_at) where wake_at is not null;
create index submissions_urgent on submissions (id) where urgent;

create function submission_may_move(old_state text, new_state text) returns boolean language sql immutable as $$
    select (old_state, new_state) in (
        ('intent', 'accepted'), ('intent', 'refused'), ('intent', 'lost'),
        -- A webhook may tell of one that was given up: then it is to be cancelled.
        ('lost', 'accepted'),
        ('accepted', 'succeeded'), ('accepted', 'failed'), ('accepted', 'cancelled'), ('accepted', 'lost'))
$$;

create function submission_moves() returns trigger language plpgsql as $$
begin
    if new.state <> old.state and not submission_may_move(old.state, new.state) then
        raise exception 'a submission never goes from % to %', old.state, new.state using errcode = 'integrity_constraint_violation';
    end if;
    if (new.id, new.job_id, new.provider) is distinct from (old.id, old.job_id, old.provider)
       or (old.upstream_id is not null and new.upstream_id is distinct from old.upstream_id) then
        raise exception 'what a submission is does not change' using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;
create trigger submissions_move before update on submissions for each row execute function submission_moves();

create function submission_begins_as_intent() returns trigger language plpgsql as $$
begin
    if new.state <> 'intent' then
        raise exception 'a submission begins as an intent' using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;
create trigger submissions_begin before insert on submissions for each row execute function submission_begins_as_intent();

create function job_end_wakes_its_submission() returns trigger language plpgsql as $$
-- Cancelled, failed or out of time: the provider is to be told now.
begin
    update submissions set wake_at = least(wake_at, now()), urgent = true, looks = 0 where job_id = new.id and wake_at is not null;
    return null;
end $$;
create trigger jobs_end_wakes after update of status on jobs for each row
    when (old.finished_at is null and new.finished_at is not null) execute function job_end_wakes_its_submission();

-- ─── Webhooks of providers ──────────────────────────────────────────────────────────────────────────────────────────────
-- Each is kept once, by the provider's own id: they come twice.

create table provider_webhooks (
    provider      text not null,
    id            text not null,
    submission_id uuid not null,
    received_at   timestamptz not null default now(),
    primary key (provider, id)
);
create index provider_webhooks_by_age on provider_webhooks (received_at);

-- ─── Putting a job back ─────────────────────────────────────────────────────────────────────────────────────────────────

create function queue_put_later(the_queue text, the_worker text, the_args jsonb, delay_seconds double precision) returns bigint language sql as $$
    insert into oban_jobs (queue, worker, args, priority, max_attempts, tags, state, scheduled_at)
    values (the_queue, the_worker, the_args, 0, 20, '{}', 'scheduled', timezone('UTC', now()) + make_interval(secs => delay_seconds))
    returning id
$$;

create function job_put_back(the_job uuid, delay_seconds double precision, stumbled boolean) returns uuid language plpgsql as $$
-- A new attempt, which fences the old one out. A job that waits for a provider needs a look, any other a place in the queue.
declare
    args jsonb;
    job  jobs;
begin
    select * into job from jobs where id = the_job;
    args := jsonb_build_object('job', job.id, 'attempt', job.attempt + 1);
    update jobs
       set attempt = job.attempt + 1, worker_id = null, stumbles = stumbles + stumbled::integer, updated_at = now(),
           queue_row = case when job.step = 'submitted' then null
                            when delay_seconds > 0 then queue_put_later(job.lane, 'dustreel.errand', args, delay_seconds)
                            else queue_put(job.lane, 'dustreel.errand', args, 0) end
     where id = job.id;
    if job.step = 'submitted' then
        update submissions set wake_at = least(wake_at, now()), urgent = true where job_id = job.id and wake_at is not null;
    end if;
    return job.id;
end $$;
