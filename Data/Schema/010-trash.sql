-- What lies in the trash of a project: the id is also its name on the disk, in the project's own directory. What is arriving has been announced and may
-- have happened or not; the disk knows, and is asked when the server starts.
create table trash (
  id text not null primary key,
  project_id text not null references project (id),
  path text not null,
  kind text not null check (kind in ('deleted', 'replaced')),
  type text not null check (type in ('file', 'directory')),
  size integer not null,
  files integer not null,
  etag text,
  staged integer,
  state text not null check (state in ('arriving', 'kept', 'restoring', 'purging')),
  issuer text not null,
  subject text not null,
  name text not null,
  at text not null
);

create index trash_path on trash (project_id, path, at);
create index trash_at on trash (at);
create index trash_unsettled on trash (state) where state <> 'kept';
