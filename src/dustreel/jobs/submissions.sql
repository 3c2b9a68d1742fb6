-- Whoever changes a job and its submission takes the job's row first, as a cancel does: so no two wait for each other.

-- name: intend
-- The job's way leads through a provider from here on; committed before a byte goes out.
with moved as (
    update jobs set step = 'submitted', updated_at = now()
     where id = %(job_id)s and attempt = %(attempt)s and worker_id = %(worker_id)s and step = 'accepted' and status in ('starting', 'processing')
 returning *
), intent as (
    insert into submissions (id, job_id, attempt, provider, model, sent, usd, wake_at, settle_by)
    select %(id)s, id, attempt, provider, model, %(sent)s, %(usd)s, now() + make_interval(secs => %(lease)s), now() + make_interval(secs => %(settle_seconds)s)
      from moved
 returning id
)
select moved.* from moved, intent;

-- name: accepted
-- The provider has it: said in its answer, by a webhook, or found in its list. A fact, whoever learns it; the job's worker lets go.
with job as materialized (
    select jobs.id from jobs join submissions on submissions.job_id = jobs.id where submissions.id = %(id)s for update of jobs
), known as (
    update submissions
       set state = 'accepted', upstream_id = %(upstream_id)s, ended_at = null, error = null, looks = 0, wake_at = now() + make_interval(secs => %(after)s)
      from job
     where submissions.id = %(id)s and job_id = job.id and state in ('intent', 'lost') and coalesce(upstream_id, %(upstream_id)s) = %(upstream_id)s
       and not exists (
           select from submissions other
            where other.provider = submissions.provider and other.upstream_id = %(upstream_id)s and other.id <> submissions.id)
 returning submissions.id, job_id
), freed as (
    update jobs set worker_id = null, updated_at = now() from known
     where jobs.id = known.job_id and jobs.step = 'submitted' and jobs.status in ('starting', 'processing')
)
select id from known;

-- name: refused
-- Provably not taken, so that another provider, or another try, may follow.
with job as materialized (
    select jobs.id from jobs join submissions on submissions.job_id = jobs.id where submissions.id = %(id)s for update of jobs
), ended as (
    update submissions set state = 'refused', error = %(error)s, sent = null, wake_at = null, urgent = false, ended_at = now()
      from job
     where submissions.id = %(id)s and job_id = job.id and state = 'intent'
 returning job_id
)
update jobs set step = 'accepted', provider = %(provider)s, model = %(model)s, updated_at = now() from ended
 where jobs.id = ended.job_id and jobs.attempt = %(attempt)s and jobs.worker_id = %(worker_id)s and jobs.step = 'submitted'
   and jobs.status in ('starting', 'processing')
returning jobs.*;

-- name: claim_due
-- Rows whose time has come, each handed to one worker; should that one die, the next look is a lease away. The living workers share the rate.
update submissions set wake_at = now() + make_interval(secs => %(lease)s), looks = looks + 1, urgent = false
 where id in (
    select id from submissions where wake_at <= now()
     order by wake_at
     limit (select ceil(%(at_most)s::float8 / greatest(count(*), 1)) from workers where beaten_at > now() - make_interval(secs => %(lease)s))
       for update skip locked)
returning id;

-- name: claim_urgent
-- Those that a webhook told of, or whose job has ended or lost its worker: they wait behind nobody.
update submissions set wake_at = now() + make_interval(secs => %(lease)s), looks = looks + 1, urgent = false
 where id in (select id from submissions where urgent limit %(at_most)s for update skip locked)
returning id;

-- name: claimed
-- What was to be sent may be large, and matters only while it is not known whether it was.
select submissions.id, job_id, submissions.provider, submissions.model, case when state = 'intent' then sent end as sent, state, upstream_id,
       output, told, looks, submissions.created_at, settle_by < now() as is_overdue, jobs.status as job_status
  from submissions join jobs on jobs.id = job_id
 where submissions.id = any(%(ids)s);

-- name: look_again
update submissions set wake_at = now() + make_interval(secs => %(after)s)
 where id = %(id)s and wake_at is not null;

-- name: rendering
-- The provider works on it: starting → processing, and progress where it tells any.
update jobs
   set status = 'processing', progress = greatest(progress, job_share_told(%(progress)s)), updated_at = now(),
       deadline_at = case status when 'starting' then least(deadline_at, now() + make_interval(secs => %(render_seconds)s)) else deadline_at end
 where id = %(job_id)s and step = 'submitted' and status in ('starting', 'processing')
   and (status = 'starting' or greatest(progress, job_share_told(%(progress)s)) is distinct from progress)
   and exists (select from submissions where id = %(id)s and state = 'accepted')
returning id;

-- name: succeeded
-- The video is there to be fetched. A job that has ended meanwhile stays as it is: what comes late is dropped.
with job as materialized (
    select jobs.id from jobs join submissions on submissions.job_id = jobs.id where submissions.id = %(id)s for update of jobs
), ended as (
    update submissions set state = 'succeeded', output = %(output)s, sent = null, told = null, wake_at = null, urgent = false, ended_at = now()
      from job
     where submissions.id = %(id)s and job_id = job.id and state = 'accepted'
 returning job_id
)
update jobs
   set status = 'processing', step = 'rendered', attempt = attempt + 1, worker_id = null, progress = greatest(progress, 0.99), updated_at = now(),
       queue_row = queue_put(lane, 'dustreel.errand', jsonb_build_object('job', id, 'attempt', attempt + 1), 0)
  from ended
 where id = ended.job_id and step = 'submitted' and status in ('starting', 'processing')
returning id;

-- name: ended
-- Failed, cancelled or lost. What becomes of the job is said in the same transaction.
with job as materialized (
    select jobs.id, expired_at from jobs join submissions on submissions.job_id = jobs.id where submissions.id = %(id)s for update of jobs
)
update submissions set state = %(state)s, error = case when expired_at is null then %(error)s end, sent = null, told = null, wake_at = null, urgent = false, ended_at = now()
  from job
 where submissions.id = %(id)s and job_id = job.id and wake_at is not null
returning job_id;

-- name: ask_again
-- A provider that knows an order by our id may be sent it once more: the job goes back to the queue, still submitted.
with job as materialized (
    select jobs.id from jobs join submissions on submissions.job_id = jobs.id where submissions.id = %(id)s for update of jobs
), asked as (
    update submissions set wake_at = now() + make_interval(secs => %(lease)s) from job
     where submissions.id = %(id)s and job_id = job.id and state = 'intent'
 returning job_id
)
update jobs
   set attempt = attempt + 1, worker_id = null, updated_at = now(),
       queue_row = queue_put(lane, 'dustreel.errand', jsonb_build_object('job', id, 'attempt', attempt + 1), 0)
  from asked
 where id = asked.job_id and step = 'submitted' and worker_id is null and status in ('starting', 'processing')
returning id;

-- name: heard
-- A webhook, kept once. It only brings the next look forward, and wakes whoever looks; one that tells of no end does not even that.
with kept as (
    insert into provider_webhooks (provider, id, submission_id) values (%(provider)s, %(webhook_id)s, %(id)s)
    on conflict do nothing returning id
)
update submissions set wake_at = least(wake_at, now()), urgent = true
 where id = %(id)s and provider = %(provider)s and upstream_id = %(upstream_id)s and state = 'accepted' and exists (select from kept) and not %(is_under_way)s
returning id, pg_notify('dustreel', 'look:');

-- name: told
-- From a provider that can't be looked at. Its words may come in any order: what it said of an end stands.
update submissions set told = %(told)s
 where id = %(id)s and wake_at is not null and coalesce(told ->> 'phase', '') not in ('succeeded', 'failed', 'cancelled');

-- name: by_id
select * from submissions where id = %(id)s;

-- name: of_job
-- The one that counts: every other was provably refused.
select * from submissions where job_id = %(job_id)s and state <> 'refused';

-- name: tried
-- Providers that have refused this job.
select distinct provider from submissions where job_id = %(job_id)s and state = 'refused';

-- name: forget_webhooks
delete from provider_webhooks where received_at < now() - interval '1 day';

-- name: intended
-- The answer to a commit was lost, and the intent stands: it was never sent, because whoever sends it asks first.
select jobs.* from jobs join submissions on submissions.job_id = jobs.id
 where submissions.id = %(id)s and submissions.state = 'intent' and jobs.id = %(job_id)s
   and jobs.attempt = %(attempt)s and jobs.worker_id = %(worker_id)s and jobs.step = 'submitted' and jobs.status in ('starting', 'processing');
