-- name: file_video
insert into videos (id, job_id, user_id, mode, video_key, thumbnail_key, preview_key, sprite_key, vtt_key, prompt, generation_type,
                    source_image_url, picture_id, duration_seconds, resolution, aspect_ratio, reference_person, metadata, model_used,
                    generation_time_ms)
values (%(id)s, %(job_id)s, %(user_id)s, %(mode)s, %(video_key)s, %(thumbnail_key)s, %(preview_key)s, %(sprite_key)s, %(vtt_key)s,
        %(prompt)s, %(generation_type)s, %(source_image_url)s, %(picture_id)s, %(duration_seconds)s, %(resolution)s, %(aspect_ratio)s,
        %(reference_person)s, %(metadata)s, %(model_used)s, %(generation_time_ms)s);

-- name: by_id
select * from videos where id = %(video_id)s;

-- name: by_job
select * from videos where job_id = %(job_id)s;

-- name: page
select * from videos
 where user_id = %(user_id)s and mode = %(mode)s
   and (not %(favorites_only)s or is_favorited)
   and (%(generation_type)s::text is null or generation_type = %(generation_type)s)
 order by created_at desc, id desc
 limit %(limit)s offset %(offset)s;

-- name: count_page
select count(*)::integer as total from videos
 where user_id = %(user_id)s and mode = %(mode)s
   and (not %(favorites_only)s or is_favorited)
   and (%(generation_type)s::text is null or generation_type = %(generation_type)s);

-- name: set_favorite
update videos
   set is_favorited = %(is_favorited)s, updated_at = case when is_favorited = %(is_favorited)s then updated_at else now() end
 where id = %(video_id)s
returning *;

-- name: delete
-- The row goes, and each of its objects is written down to be removed, so that no kill between the two leaves one behind.
with gone as (
    delete from videos where id = %(video_id)s returning video_key, thumbnail_key, preview_key, sprite_key, vtt_key
)
insert into removals (key, due_at)
select key, now() + make_interval(secs => %(grace_seconds)s)
  from gone, unnest(array[video_key, thumbnail_key, preview_key, sprite_key, vtt_key]) as key
 where key is not null
returning key;

-- name: remove_later
-- Objects that are about to be made: should their video never be filed, the sweep removes them.
insert into removals (key, due_at) select key, now() + make_interval(secs => %(after)s) from unnest(%(keys)s::text[]) as key
on conflict (key) do update set due_at = excluded.due_at;

-- name: removed
delete from removals where key = any(%(keys)s);

-- name: try_again_later
-- Doubling from ten seconds to an hour.
update removals
   set tries = tries + 1, due_at = now() + make_interval(secs => least(3600, 10 * power(2, least(tries, 12))))
 where key = any(%(keys)s);

-- name: removals_due
update removals set due_at = now() + interval '1 minute'
 where key in (select key from removals where due_at <= now() order by due_at limit 100 for update skip locked)
returning key;
