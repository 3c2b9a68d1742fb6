-- name: accept
select outcome, available from job_accept(%(draft)s, %(starting)s, %(live_at_most)s, %(queue_seconds)s);

-- name: start
-- queued → starting, and the hold becomes the charge. No row back: somebody else moved the job, and the caller stops.
with moved as (
    update jobs
       set status = 'starting', attempt = attempt + 1, worker_id = %(worker_id)s, progress = null, started_at = now(), updated_at = now(),
           deadline_at = now() + make_interval(secs => %(job_seconds)s)
     where id = %(job_id)s and status = 'queued'
 returning *
)
select moved.*, dust_capture(moved.id) as entry_id from moved;

-- name: resume
-- Another worker goes on with an attempt that take_over has opened.
update jobs
   set worker_id = %(worker_id)s, updated_at = now()
 where id = %(job_id)s and attempt = %(attempt)s and worker_id is null and status in ('starting', 'processing')
returning *;

-- name: render
-- starting → processing. A job that was taken over may be processing already.
update jobs
   set status = 'processing', progress = greatest(progress, %(progress)s), updated_at = now(),
       deadline_at = least(deadline_at, now() + make_interval(secs => %(render_seconds)s))
 where id = %(job_id)s and attempt = %(attempt)s and worker_id = %(worker_id)s and status in ('starting', 'processing')
returning *;

-- name: progress
-- Never 1 before the job is completed, and never falling.
update jobs
   set progress = greatest(progress, least(%(progress)s, 0.99)), updated_at = now()
 where id = %(job_id)s and attempt = %(attempt)s and worker_id = %(worker_id)s and status = 'processing'
returning id;

-- name: rendered
update jobs
   set step = 'rendered', made = %(made)s, progress = greatest(progress, 0.99), updated_at = now()
 where id = %(job_id)s and attempt = %(attempt)s and worker_id = %(worker_id)s and status = 'processing'
returning *;

-- name: stored
update jobs
   set step = 'stored', made = %(made)s, updated_at = now()
 where id = %(job_id)s and attempt = %(attempt)s and worker_id = %(worker_id)s and status = 'processing'
returning *;

-- name: finish
-- processing → completed. The video's row is made in the same transaction.
update jobs
   set status = 'completed', step = 'filed', progress = 1, video_id = %(video_id)s, finished_at = now(), updated_at = now()
 where id = %(job_id)s and attempt = %(attempt)s and worker_id = %(worker_id)s and status = 'processing' and step = 'stored'
returning *;

-- name: fail
-- Any live status → failed, by the worker that has it, or by one that looked at it while nobody had; what was held or charged goes back.
with before as (
    select id, status from jobs
     where id = %(job_id)s and attempt = %(attempt)s and worker_id is not distinct from %(worker_id)s and status in ('queued', 'starting', 'processing')
       for update
), moved as (
    update jobs set status = 'failed', error = %(error)s, finished_at = now(), updated_at = now()
      from before where jobs.id = before.id
 returning jobs.*, before.status <> 'queued' as was_started
)
select moved.*, dust_give_back(moved.id, moved.was_started) as entry_id from moved;

-- name: fail_overdue
-- Any live status → failed, for every job whose time is up. Its worker is told.
with before as (
    select id, status from jobs
     where status in ('queued', 'starting', 'processing') and deadline_at < now()
     order by deadline_at limit %(at_most)s
       for update skip locked
), moved as (
    update jobs set status = 'failed', error = %(error)s, finished_at = now(), updated_at = now()
      from before where jobs.id = before.id
 returning jobs.id, jobs.user_id, jobs.mode, before.status <> 'queued' as was_started
)
select moved.id, dust_give_back(moved.id, moved.was_started) as entry_id, pg_notify('dustreel', 'stop:' || moved.id)
  -- Everybody locks accounts in one order, so that no two sweeps wait for each other.
  from (select * from moved order by user_id, mode) as moved;

-- name: cancel
-- Any live status → cancelled; what was held goes back, and so does a charge unless the operator keeps it. Its worker is told.
with before as (
    select id, status from jobs
     where id = %(job_id)s and status in ('queued', 'starting', 'processing')
       for update
), moved as (
    update jobs set status = 'cancelled', finished_at = now(), updated_at = now()
      from before where jobs.id = before.id
 returning jobs.*, before.status <> 'queued' as was_started
)
select moved.*,
       case when not was_started or %(refund_charge)s then dust_give_back(moved.id, moved.was_started) end as entry_id,
       pg_notify('dustreel', 'stop:' || moved.id)
  from moved;

-- name: take_over
-- A new attempt for every started job whose worker is dead (or was handed back and lost its queue row).
select job_put_back(id, 0, false) as id from (
    select id from jobs
     where status in ('starting', 'processing') and job_is_orphaned(worker_id, step, queue_row, %(dead_after)s)
     order by created_at limit %(at_most)s
       for update skip locked) as orphaned;

-- name: reclaim
-- What a living worker has by its row and does not carry: the answer to its start was lost with the connection. A new attempt for each.
select job_put_back(id, 0, false) as id from (
    select id from jobs
     where worker_id = %(worker_id)s and status in ('starting', 'processing') and id <> all(%(carried)s)
       and updated_at < now() - make_interval(secs => %(dead_after)s)
       for update skip locked) as forgotten;

-- name: hand_over
-- A worker that is stopping, or that lost an attempt to a stumble, gives its job a new attempt and the queue a new row.
select job_put_back(id, %(after)s, %(stumbled)s) as id from (
    select id from jobs
     where id = %(job_id)s and attempt = %(attempt)s and worker_id = %(worker_id)s and status in ('starting', 'processing')
       for update) as handed;

-- name: reroute
-- The provider that was chosen can't be sent anything now, and another can.
update jobs set provider = %(provider)s, model = %(model)s, updated_at = now()
 where id = %(job_id)s and attempt = %(attempt)s and worker_id = %(worker_id)s and step = 'accepted' and status in ('starting', 'processing')
returning *;

-- name: requeue_lost
-- A queued job whose queue row is gone, ended, or was fetched by a process that died before it could start the job. The join finds them at
-- once; the function looks again at each that it is about to lock.
update jobs
   set queue_row = queue_put(lane, 'dustreel.errand', jsonb_build_object('job', id, 'attempt', 0), 0), updated_at = now()
 where id in (
    select jobs.id from jobs left join oban_jobs on oban_jobs.id = queue_row
     where status = 'queued' and coalesce(oban_jobs.state not in ('available', 'scheduled', 'retryable'), true)
       and not queue_will_act(queue_row, %(dead_after)s)
     order by created_at limit %(at_most)s
       for update of jobs skip locked)
returning id;

-- name: expire
-- Final for long enough → a private tombstone: what statistics, estimates and the ledger need, and nothing that was said.
with gone as (
    update jobs
       set expired_at = now(), prompt = null, source_image_url = null, reference_person = null, error = null, made = null, picture_id = null
     where id in (
        select id from jobs
         where finished_at < now() - make_interval(secs => %(keep_seconds)s) and expired_at is null
         order by finished_at limit %(at_most)s
           for update skip locked)
 returning id
), hushed as (
    update submissions set error = null, sent = null from gone where submissions.job_id = gone.id and (error is not null or sent is not null)
)
select id from gone;

-- name: still_mine
-- Of the jobs that a worker believes to be running, those that it still has.
select id, attempt from jobs
 where id = any(%(ids)s) and worker_id = %(worker_id)s and status in ('starting', 'processing');

-- name: forget_idempotency_keys
delete from idempotency_keys where created_at < now() - interval '24 hours';

-- name: by_id
select * from jobs where id = %(job_id)s;

-- name: by_ids
-- Many callers' reads in one: only what a status body needs.
select id, user_id, mode, status, step, progress, estimated_seconds, created_at, updated_at, started_at, expired_at, now() as seen_at
  from jobs where id = any(%(ids)s);

-- name: active
select id, user_id, mode, status, generation_type, created_at, estimated_seconds
  from jobs
 where (user_id, mode) in (select * from unnest(%(user_ids)s::uuid[], %(modes)s::text[]))
   and status in ('queued', 'starting', 'processing')
 order by created_at, id;

-- name: count_live
select count(*)::integer as live from jobs
 where user_id = %(user_id)s and mode = %(mode)s and status in ('queued', 'starting', 'processing');

-- name: history
select * from jobs
 where user_id = %(user_id)s and mode = %(mode)s and expired_at is null
 order by created_at desc, id desc limit %(limit)s offset %(offset)s;

-- name: count_history
select count(*)::integer as total from jobs where user_id = %(user_id)s and mode = %(mode)s and expired_at is null;

-- name: remember
insert into idempotency_keys (user_id, mode, key, fingerprint, job_id)
values (%(user_id)s, %(mode)s, %(key)s, %(fingerprint)s, %(job_id)s)
on conflict (user_id, mode, key) do update
   set fingerprint = excluded.fingerprint, job_id = excluded.job_id, created_at = now()
 -- A day old, and no sweep has come by yet.
 where idempotency_keys.created_at <= now() - interval '24 hours'
returning job_id;

-- name: recall
select fingerprint, job_id, jobs.estimated_seconds, jobs.generation_type
  from idempotency_keys join jobs on jobs.id = idempotency_keys.job_id
 where idempotency_keys.user_id = %(user_id)s and idempotency_keys.mode = %(mode)s and key = %(key)s
   and idempotency_keys.created_at > now() - interval '24 hours';

-- name: estimate
-- The median of the last 50 like jobs, in seconds, from their start to their end.
select percentile_cont(0.5) within group (order by seconds) as median, count(*) as sample
  from (select extract(epoch from finished_at - started_at) as seconds
          from jobs
         where status = 'completed' and provider = %(provider)s and generation_type = %(generation_type)s
           and resolution = %(resolution)s and duration = %(duration)s and lane = %(lane)s
         order by finished_at desc limit 50) as like_jobs;

-- name: queue_ahead
-- Jobs that wait for a place in a lane or have one, and how long the last ones took on average, in seconds. One at a provider has none.
select (select count(*) from jobs
         where status in ('queued', 'starting', 'processing') and lane = %(lane)s and (status = 'queued' or worker_id is not null)) as ahead,
       (select avg(extract(epoch from finished_at - started_at))
          from (select finished_at, started_at from jobs where status = 'completed' and lane = %(lane)s
                 order by finished_at desc limit 50) as last) as seconds_each;

-- name: statistics
select count(*) filter (where status in ('completed', 'failed')) as processed,
       count(*) filter (where status = 'queued') as queued,
       count(*) filter (where status in ('starting', 'processing')) as in_progress,
       max(finished_at) filter (where status = 'completed') as last_completed_at,
       coalesce(avg(extract(epoch from finished_at - started_at)) filter (where status = 'completed'), 0)::float8 as average_seconds,
       (select coalesce(max(beaten_at) > now() - interval '30 seconds', false) from workers) as is_running
  from jobs;
