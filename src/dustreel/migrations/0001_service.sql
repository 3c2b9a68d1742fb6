-- The service's first schema: callers, pictures, jobs, videos, the DUST ledger, workers.
-- The rules that must never be broken stand here and not only in the code: transitions, resolutions, balances, append-only entries.

-- ─── Callers ────────────────────────────────────────────────────────────────────────────────────────────────────────────

create table api_keys (
    id           uuid primary key,
    user_id      uuid not null,
    mode         text not null check (mode in ('live', 'test')),
    role         text not null check (role in ('user', 'service', 'admin')),
    hash         bytea not null unique check (octet_length(hash) = 32),       -- SHA-256; the key itself is never stored
    hint         text not null,                                               -- the key's first characters, for people
    name         text not null default '',
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index api_keys_of_user on api_keys (user_id, created_at);

-- ─── The DUST ledger ────────────────────────────────────────────────────────────────────────────────────────────────────
-- Double entry: every row takes an amount from one account and gives the same amount to another. A user has a wallet and a held
-- account a mode; the house has a treasury (where grants come from) and sales (where charges go).

create table dust_accounts (
    user_id uuid not null,
    mode    text not null check (mode in ('live', 'test')),
    wallet  bigint not null default 0 constraint dust_wallet_not_negative check (wallet >= 0),
    held    bigint not null default 0 constraint dust_held_not_negative check (held >= 0),
    primary key (user_id, mode)
);

create table dust_entries (
    id           bigint primary key generated always as identity,
    user_id      uuid not null,
    mode         text not null,
    kind         text not null,
    amount       bigint not null check (amount >= 0),
    from_account text not null,
    to_account   text not null,
    job_id       uuid,
    reference    text,                                                         -- a grant's own name, so that it is given once
    created_at   timestamptz not null default now(),
    foreign key (user_id, mode) references dust_accounts (user_id, mode),
    constraint dust_entry_balanced check ((kind, from_account, to_account) in (
        ('grant',   'treasury', 'wallet'),
        ('hold',    'wallet',   'held'),
        ('capture', 'held',     'sales'),
        ('release', 'held',     'wallet'),
        ('refund',  'sales',    'wallet'))),
    constraint dust_entry_has_its_cause check ((kind = 'grant') = (job_id is null)),
    constraint dust_grant_is_something check (kind <> 'grant' or amount > 0),
    constraint dust_once_a_job_and_kind unique (job_id, kind)
);
create unique index dust_hold_resolved_once on dust_entries (job_id) where kind in ('capture', 'release');
create unique index dust_grant_given_once on dust_entries (user_id, mode, reference) where kind = 'grant' and reference is not null;
create index dust_entries_of_user on dust_entries (user_id, mode, id);

create function dust_post() returns trigger language plpgsql as $$
declare
    before_amount bigint;
begin
    if new.kind in ('capture', 'release', 'refund') then
        select amount into before_amount from dust_entries
         where job_id = new.job_id and user_id = new.user_id and mode = new.mode
           and kind = case new.kind when 'refund' then 'capture' else 'hold' end;
        if before_amount is distinct from new.amount then
            raise exception 'a % of % resolves nothing of that amount', new.kind, new.amount using errcode = 'integrity_constraint_violation';
        end if;
    end if;
    update dust_accounts
       set wallet = wallet + case when new.to_account = 'wallet' then new.amount when new.from_account = 'wallet' then -new.amount else 0 end,
           held   = held   + case when new.to_account = 'held'   then new.amount when new.from_account = 'held'   then -new.amount else 0 end
     where user_id = new.user_id and mode = new.mode;
    return null;
end $$;
-- After, not before: what `on conflict do nothing` leaves out has run its before-triggers all the same.
create trigger dust_entries_post after insert on dust_entries for each row execute function dust_post();

create function dust_never_changes() returns trigger language plpgsql as $$
begin
    raise exception 'DUST entries are never changed or removed' using errcode = 'integrity_constraint_violation';
end $$;
create trigger dust_entries_append_only before update or delete on dust_entries for each row execute function dust_never_changes();
create trigger dust_entries_no_truncate before truncate on dust_entries for each statement execute function dust_never_changes();

create function dust_balance_follows_entries() returns trigger language plpgsql as $$
begin
    -- Depth 1 is a statement of somebody's own; the entries' trigger comes here at depth 2.
    if (tg_op = 'INSERT' and (new.wallet, new.held) <> (0, 0)) or (tg_op = 'UPDATE' and pg_trigger_depth() < 2) then
        raise exception 'a DUST balance changes by entries only' using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;
create trigger dust_accounts_follow before insert or update on dust_accounts for each row execute function dust_balance_follows_entries();

-- The ledger's only door.

create function dust_open(the_user uuid, the_mode text, starting bigint) returns dust_accounts language plpgsql as $$
-- The account, locked until the transaction ends; made at first sight, with what newcomers are given.
declare
    account dust_accounts;
begin
    select * into account from dust_accounts where user_id = the_user and mode = the_mode for update;
    if not found then
        insert into dust_accounts (user_id, mode) values (the_user, the_mode) on conflict do nothing;
        if found and starting > 0 then
            perform dust_grant(the_user, the_mode, starting, 'starting');
        end if;
        select * into account from dust_accounts where user_id = the_user and mode = the_mode for update;
    end if;
    return account;
end $$;

create function dust_grant(the_user uuid, the_mode text, the_amount bigint, the_reference text) returns bigint language sql as $$
    insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, reference)
    values (the_user, the_mode, 'grant', the_amount, 'treasury', 'wallet', the_reference)
    on conflict (user_id, mode, reference) where kind = 'grant' and reference is not null do nothing
    returning id
$$;

create function dust_hold(the_job uuid, the_user uuid, the_mode text, the_amount bigint) returns bigint language sql as $$
    insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id)
    values (the_user, the_mode, 'hold', the_amount, 'wallet', 'held', the_job)
    returning id
$$;

create function dust_capture(the_job uuid) returns bigint language sql as $$
    insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id)
    select user_id, mode, 'capture', amount, 'held', 'sales', job_id from dust_entries where job_id = the_job and kind = 'hold'
    returning id
$$;

create function dust_release(the_job uuid) returns bigint language sql as $$
    insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id)
    select user_id, mode, 'release', amount, 'held', 'wallet', job_id from dust_entries where job_id = the_job and kind = 'hold'
    returning id
$$;

create function dust_refund(the_job uuid) returns bigint language sql as $$
    insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id)
    select user_id, mode, 'refund', amount, 'sales', 'wallet', job_id from dust_entries where job_id = the_job and kind = 'capture'
    returning id
$$;

create function dust_give_back(the_job uuid, was_started boolean) returns bigint language sql as $$
    select case when was_started then dust_refund(the_job) else dust_release(the_job) end
$$;

-- ─── Pictures ───────────────────────────────────────────────────────────────────────────────────────────────────────────
-- Our own copies of what callers sent or pointed at. The row is there before the object, so that no object is ever without one.

create table pictures (
    id           uuid primary key,
    user_id      uuid not null,
    mode         text not null check (mode in ('live', 'test')),
    key          text not null unique,
    uploaded     boolean not null,                                             -- by POST /uploads; else fetched at submit
    content_type text not null,
    width        integer not null check (width > 0),
    height       integer not null check (height > 0),
    sha256       text not null,
    created_at   timestamptz not null default now(),
    touched_at   timestamptz not null default now()                            -- when somebody last meant to use it
);
create index pictures_by_age on pictures (touched_at);

-- ─── Jobs ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

create table jobs (
    id                uuid primary key,
    user_id           uuid not null,
    mode              text not null check (mode in ('live', 'test')),
    generation_type   text not null check (generation_type in ('text_to_video', 'image_to_video')),
    prompt            text,
    duration          text not null check (duration in ('short', 'medium', 'long')),
    resolution        text not null check (resolution in ('sd_480p', 'hd_720p', 'hd_1080p', '4k_2160p')),
    aspect_ratio      text not null check (aspect_ratio in ('16:9', '9:16', '1:1', '4:3', '3:4')),
    camera_fixed      boolean not null,
    reference_person  jsonb,
    source_image_url  text,
    picture_id        uuid references pictures,
    provider          text not null,
    model             text not null,
    lane              text not null,
    price             bigint not null check (price >= 0),
    estimated_seconds integer not null check (estimated_seconds > 0),

    status            text not null default 'queued',
    step              text not null default 'accepted' check (step in ('accepted', 'rendered', 'stored', 'filed')),
    made              jsonb,                                                   -- what step `stored` left behind: keys and facts
    attempt           integer not null default 0 check (attempt >= 0),
    worker_id         uuid,
    queue_row         bigint,                                                  -- the engine's row that is to bring this job up
    progress          double precision check (progress between 0 and 1),
    error             text,
    video_id          uuid,

    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    started_at        timestamptz,
    finished_at       timestamptz,
    deadline_at       timestamptz not null,
    expired_at        timestamptz,

    constraint job_status_known check (status in ('queued', 'starting', 'processing', 'completed', 'failed', 'cancelled')),
    constraint job_final_is_dated check ((finished_at is not null) = (status in ('completed', 'failed', 'cancelled'))),
    constraint job_started_is_dated check ((status in ('starting', 'processing', 'completed')) <= (started_at is not null)),
    constraint job_completed_has_a_video check ((status = 'completed') = (video_id is not null)),
    constraint job_failed_says_why check ((status = 'failed' and expired_at is null) <= (error is not null)),
    constraint job_progress_fits check (
        (status <> 'queued' or progress is not distinct from 0) and (status = 'completed') = coalesce(progress = 1, false)),
    constraint job_expires_after_its_end check ((expired_at is not null) <= (finished_at is not null)),
    constraint job_has_a_prompt_till_it_expires check ((prompt is null) = (expired_at is not null)),
    constraint job_image_has_a_picture check ((generation_type = 'image_to_video') = (picture_id is not null) or expired_at is not null)
);
create index jobs_live_of_user on jobs (user_id, mode, created_at, id) where status in ('queued', 'starting', 'processing');
create index jobs_live_by_deadline on jobs (deadline_at) where status in ('queued', 'starting', 'processing');
create index jobs_alike on jobs (provider, generation_type, resolution, duration, finished_at desc) where status = 'completed';
create index jobs_to_expire on jobs (finished_at) where finished_at is not null and expired_at is null;
create index jobs_of_picture on jobs (picture_id) where picture_id is not null;

create function job_may_move(old_status text, new_status text) returns boolean language sql immutable as $$
    select (old_status, new_status) in (
        ('queued', 'starting'), ('starting', 'processing'), ('processing', 'completed'),
        ('queued', 'failed'),    ('starting', 'failed'),    ('processing', 'failed'),
        ('queued', 'cancelled'), ('starting', 'cancelled'), ('processing', 'cancelled'))
$$;

create function job_moves() returns trigger language plpgsql as $$
begin
    if new.status <> old.status and not job_may_move(old.status, new.status) then
        raise exception 'a job never goes from % to %', old.status, new.status using errcode = 'integrity_constraint_violation';
    end if;
    if new.attempt < old.attempt or new.progress < old.progress then
        raise exception 'a job''s attempt and progress never fall' using errcode = 'integrity_constraint_violation';
    end if;
    if (new.id, new.user_id, new.mode, new.price, new.created_at) is distinct from (old.id, old.user_id, old.mode, old.price, old.created_at)
       or (old.finished_at is not null and new.finished_at is distinct from old.finished_at) then
        raise exception 'what a job is does not change' using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;
create trigger jobs_move before update on jobs for each row execute function job_moves();

create function job_begins_queued() returns trigger language plpgsql as $$
begin
    if new.status <> 'queued' then
        raise exception 'a job begins queued' using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;
create trigger jobs_begin before insert on jobs for each row execute function job_begins_queued();

create function job_is_resolved() returns trigger language plpgsql as $$
-- Checked when the transaction ends: the money is where the status says it is.
declare
    kinds text[];
begin
    select array_agg(kind order by kind) into kinds from dust_entries where job_id = new.id;
    if (case new.status
        when 'queued'     then kinds = '{hold}'
        when 'starting'   then kinds = '{capture,hold}'
        when 'processing' then kinds = '{capture,hold}'
        when 'completed'  then kinds = '{capture,hold}'
        when 'failed'     then kinds in ('{hold,release}', '{capture,hold,refund}')
        when 'cancelled'  then kinds in ('{hold,release}', '{capture,hold,refund}', '{capture,hold}')
    end) is true then
        return null;
    end if;
    raise exception 'a job that is % has the entries %', new.status, kinds using errcode = 'integrity_constraint_violation';
end $$;
create constraint trigger jobs_resolved after insert or update of status on jobs
    deferrable initially deferred for each row execute function job_is_resolved();

create function job_never_goes() returns trigger language plpgsql as $$
begin
    raise exception 'jobs are kept; an expired one is a tombstone' using errcode = 'integrity_constraint_violation';
end $$;
create trigger jobs_stay before delete on jobs for each row execute function job_never_goes();

alter table dust_entries add foreign key (job_id) references jobs deferrable initially deferred;

-- ─── Idempotency-Key ────────────────────────────────────────────────────────────────────────────────────────────────────

create table idempotency_keys (
    user_id     uuid not null,
    mode        text not null,
    key         text not null,
    fingerprint bytea not null,                                                -- SHA-256 over the route and the body
    job_id      uuid not null references jobs,
    created_at  timestamptz not null default now(),
    primary key (user_id, mode, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);

-- ─── Videos ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

create table videos (
    id                 uuid primary key,
    job_id             uuid not null unique references jobs,
    user_id            uuid not null,
    mode               text not null check (mode in ('live', 'test')),
    video_key          text not null unique,
    thumbnail_key      text not null unique,
    prompt             text not null,
    generation_type    text not null check (generation_type in ('text_to_video', 'image_to_video')),
    source_image_url   text,
    picture_id         uuid references pictures,
    duration_seconds   integer not null check (duration_seconds > 0),
    resolution         text not null,
    aspect_ratio       text not null,
    reference_person   jsonb,
    metadata           jsonb not null,
    model_used         text not null,
    generation_time_ms bigint not null check (generation_time_ms >= 0),
    is_favorited       boolean not null default false,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    constraint video_source_fits_its_type check ((generation_type = 'image_to_video') = (source_image_url is not null))
);
create index videos_of_user on videos (user_id, mode, created_at desc, id desc);
create index videos_of_picture on videos (picture_id) where picture_id is not null;

-- ─── Objects that storage would not give up yet ─────────────────────────────────────────────────────────────────────────

create table removals (
    key        text primary key,
    tries      integer not null default 0,
    due_at     timestamptz not null default now(),
    created_at timestamptz not null default now()
);
create index removals_due on removals (due_at);

-- ─── Workers ────────────────────────────────────────────────────────────────────────────────────────────────────────────

create table workers (
    id         uuid primary key,
    host       text not null,
    pid        integer not null,
    started_at timestamptz not null default now(),
    beaten_at  timestamptz not null default now()
);

-- ─── The queue's door ───────────────────────────────────────────────────────────────────────────────────────────────────
-- The engine's own insert (Oban 0.7.0, queries/insert_job.sql) as a function, so that the row is made in the statement that makes
-- the job; a test holds it to what the engine itself would write. Priorities are 0 to 9: Oban chokes on any other row, for ever.

create function queue_put(the_queue text, the_worker text, the_args jsonb, the_priority integer) returns bigint language plpgsql as $$
declare
    row_id bigint;
begin
    insert into oban_jobs (queue, worker, args, priority, max_attempts, tags)
    values (the_queue, the_worker, the_args, greatest(0, least(the_priority, 9)), 20, '{}')
    returning id into row_id;
    perform pg_notify('public.oban_insert', json_build_object('queue', the_queue)::text);
    return row_id;
end $$;

-- ─── Accepting a job ────────────────────────────────────────────────────────────────────────────────────────────────────
-- – → queued in one statement: the account locked, the rules asked, the row made, the price held, the queue row put. A function and not a
-- query, because each of its statements sees what was committed before it began: nobody outruns the count of live jobs.

create function job_accept(
    draft jsonb, starting bigint, live_at_most integer, queue_seconds double precision, out outcome text, out available bigint
) language plpgsql as $$
declare
    asked   jobs := jsonb_populate_record(null::jobs, draft);
    others  integer;
begin
    available := (dust_open(asked.user_id, asked.mode, starting)).wallet;
    select count(*) into others from jobs
     where user_id = asked.user_id and mode = asked.mode and status in ('queued', 'starting', 'processing');
    outcome := case when others >= live_at_most then 'too_many' when available < asked.price then 'insufficient' else 'accepted' end;
    if outcome <> 'accepted' then
        return;
    end if;
    insert into jobs (id, user_id, mode, generation_type, prompt, duration, resolution, aspect_ratio, camera_fixed, reference_person,
                      source_image_url, picture_id, provider, model, lane, price, estimated_seconds, progress, deadline_at, queue_row)
    values (asked.id, asked.user_id, asked.mode, asked.generation_type, asked.prompt, asked.duration, asked.resolution, asked.aspect_ratio,
            asked.camera_fixed, asked.reference_person, asked.source_image_url, asked.picture_id, asked.provider, asked.model, asked.lane,
            asked.price, asked.estimated_seconds, 0, now() + make_interval(secs => queue_seconds),
            -- The more live jobs somebody has, the later the next one's turn: a thousand of theirs don't starve another's first.
            queue_put(asked.lane, 'dustreel.errand', jsonb_build_object('job', asked.id, 'attempt', 0), others));
    perform dust_hold(asked.id, asked.user_id, asked.mode, asked.price);
end $$;
