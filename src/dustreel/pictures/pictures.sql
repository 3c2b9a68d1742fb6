-- name: add
insert into pictures (id, user_id, mode, key, uploaded, content_type, width, height, sha256)
values (%(id)s, %(user_id)s, %(mode)s, %(key)s, %(uploaded)s, %(content_type)s, %(width)s, %(height)s, %(sha256)s)
returning *;

-- name: touch_by_key
-- About to be used: the sweep leaves it alone for another day.
update pictures set touched_at = now() where key = %(key)s returning *;

-- name: by_id
select * from pictures where id = %(picture_id)s;

-- name: sweep
-- Pictures that no job and no video uses a day after they came; their objects are written down to be removed.
with gone as (
    delete from pictures
     where id in (
        select id from pictures
         where touched_at < now() - make_interval(secs => %(keep_seconds)s)
           and not exists (select from jobs where jobs.picture_id = pictures.id)
           and not exists (select from videos where videos.picture_id = pictures.id)
         limit 200
           for update skip locked)
 returning key
)
insert into removals (key) select key from gone returning key;
