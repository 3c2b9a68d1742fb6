-- name: kept
-- Every object that a row says is there, with the row. Found by the form of a key, wherever in the row it stands, but not in what users write.
select 'video ' || id as owner, found[1] as key
  from videos, regexp_matches((to_jsonb(videos) - '{prompt,source_image_url,reference_person}'::text[])::text, %(pattern)s, 'g') as found
union all
-- A picture's row is there before its object, and one that storage would not take goes within a day.
select 'picture ' || id, key from pictures where created_at < now() - make_interval(secs => %(grace_seconds)s);

-- name: spoken_for
-- Those of these keys that any row names: also what jobs under way have made, and what is written down to be removed.
select key from unnest(%(keys)s::text[]) as key
 where exists (select from removals where removals.key = key.key) or exists (select from pictures where pictures.key = key.key)
union
select found[1] from jobs, regexp_matches(made::text, %(pattern)s, 'g') as found
 where made is not null and status in ('queued', 'starting', 'processing');
