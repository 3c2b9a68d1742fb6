-- What goes to providers, counted for all workers together; and what those tell that can't be asked.

alter table submissions add column usd numeric(12, 6) not null default 0 check (usd >= 0); -- what it costs the operator, by the catalogue
alter table submissions add column told jsonb;                                             -- how it stands, by the webhooks of one that can't be looked at
create index submissions_under_way on submissions (provider) where wake_at is not null;
create index submissions_by_provider on submissions (provider, created_at) include (usd, state);
create index jobs_for_providers on jobs (provider, started_at, id) where step = 'accepted' and status in ('starting', 'processing');

-- No row: all is well.
create table provider_circuits (
    provider    text not null,
    model       text not null,
    failures    integer not null,                                                          -- in a row
    open_until  timestamptz,                                                               -- nothing is sent until then, and afterwards one probe
    probe_until timestamptz,                                                               -- a probe is under way
    primary key (provider, model)
);

create table provider_rests (
    provider text primary key,
    until    timestamptz not null                                                          -- it asked to be left alone
);
