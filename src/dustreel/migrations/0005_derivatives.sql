-- What is made of a video beside its thumbnail. Videos of before have none of it, and neither have those of which it could not be made.

alter table videos
    add column preview_key text unique,
    add column sprite_key  text unique,
    add column vtt_key     text unique,
    add constraint video_sprite_has_its_vtt check ((sprite_key is null) = (vtt_key is null));
