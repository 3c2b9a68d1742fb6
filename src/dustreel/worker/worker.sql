-- name: beat
insert into workers (id, host, pid) values (%(id)s, %(host)s, %(pid)s)
on conflict (id) do update set beaten_at = now();

-- name: leave
delete from workers where id = %(id)s;

-- name: forget_dead
-- Nobody's job names them any more: take-over has seen to that long ago.
delete from workers where beaten_at < now() - interval '1 day';
