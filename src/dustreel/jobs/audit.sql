-- name: balances_are_what_entries_sum_to
select a.user_id || ' ' || a.mode as broken
  from dust_accounts a
  left join lateral (
    select coalesce(sum(amount) filter (where to_account = 'wallet'), 0) - coalesce(sum(amount) filter (where from_account = 'wallet'), 0) as wallet,
           coalesce(sum(amount) filter (where to_account = 'held'), 0) - coalesce(sum(amount) filter (where from_account = 'held'), 0) as held
      from dust_entries e where e.user_id = a.user_id and e.mode = a.mode) s on true
 where (a.wallet, a.held) <> (s.wallet, s.held) limit 1;

-- name: no_balance_is_negative
select user_id || ' ' || mode as broken from dust_accounts where wallet < 0 or held < 0 limit 1;

-- name: the_ledger_sums_to_zero
-- What the treasury gave is in wallets, held, or sold.
select 'off by ' || (granted - in_accounts - sold) as broken
  from (select coalesce(sum(amount) filter (where from_account = 'treasury'), 0) as granted,
               coalesce(sum(amount) filter (where to_account = 'sales'), 0) - coalesce(sum(amount) filter (where from_account = 'sales'), 0) as sold
          from dust_entries) e,
       (select coalesce(sum(wallet + held), 0) as in_accounts from dust_accounts) a
 where granted <> in_accounts + sold;

-- name: every_job_holds_its_price_once
select j.id::text as broken from jobs j
  left join dust_entries e on e.job_id = j.id and e.kind = 'hold'
 where e.id is null or e.amount <> j.price or e.user_id <> j.user_id or e.mode <> j.mode limit 1;

-- name: no_job_is_charged_or_refunded_twice
select job_id::text as broken from dust_entries where job_id is not null group by job_id, kind having count(*) > 1 limit 1;

-- name: money_is_where_the_status_says
select j.id || ' is ' || j.status || ' with ' || coalesce(k.kinds::text, 'no entries') as broken
  from jobs j
  left join lateral (select array_agg(kind order by kind) as kinds from dust_entries e where e.job_id = j.id) k on true
 where not job_money_fits(j.status, k.kinds) limit 1;

-- name: completed_jobs_made_their_video
-- A video may have been deleted since; one that is there belongs to its job's owner.
select j.id::text as broken from jobs j join videos v on v.job_id = j.id
 where j.status <> 'completed' or j.video_id <> v.id or j.user_id <> v.user_id or j.mode <> v.mode limit 1;

-- name: final_jobs_are_dated
select id::text as broken from jobs where (finished_at is not null) <> (status in ('completed', 'failed', 'cancelled')) limit 1;

-- name: no_live_job_is_past_its_deadline
-- A sweep may be a moment late.
select id::text as broken from jobs
 where status in ('queued', 'starting', 'processing') and deadline_at < now() - interval '5 minutes'
   and exists (select from workers where beaten_at > now() - interval '1 minute') limit 1;

-- name: queued_jobs_are_in_the_queue
select jobs.id::text as broken from jobs left join oban_jobs on oban_jobs.id = jobs.queue_row
 where jobs.status = 'queued' and oban_jobs.id is null and jobs.created_at < now() - interval '5 minutes'
   and exists (select from workers where beaten_at > now() - interval '1 minute') limit 1;

-- name: tombstones_say_nothing
select id::text as broken from jobs
 where expired_at is not null
   and (prompt is not null or source_image_url is not null or reference_person is not null or error is not null) limit 1;

-- name: submitted_jobs_have_one_open_submission
select j.id::text as broken from jobs j
 where j.step = 'submitted' and j.status in ('starting', 'processing')
   and (select count(*) from submissions s where s.job_id = j.id and s.state in ('intent', 'accepted')) <> 1 limit 1;

-- name: no_job_is_sent_twice
-- Every submission but those that were provably refused may have cost money.
select job_id::text as broken from submissions where state <> 'refused' group by job_id having count(*) > 1 limit 1;

-- name: no_order_of_a_provider_is_two_jobs
select provider || ' ' || upstream_id as broken from submissions where upstream_id is not null group by provider, upstream_id having count(*) > 1 limit 1;

-- name: open_submissions_have_a_time_to_look_again
select id::text as broken from submissions where (wake_at is not null) <> (state in ('intent', 'accepted')) limit 1;

-- name: no_due_look_is_forgotten
-- The more wait, the later a look may be: at forty a second, a look at each of ten thousand takes four minutes.
select id::text as broken from submissions
 where wake_at < now() - interval '5 minutes' - interval '50 milliseconds' * (select count(*) from submissions where wake_at is not null)
   and exists (select from workers where beaten_at > now() - interval '1 minute') limit 1;
