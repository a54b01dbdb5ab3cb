-- A workspace is a place that a caller works in. It grants nothing: each call is decided on as if it were not there. The handle itself is not kept.
create table workspace (
  handle_hash text not null primary key,
  issuer text not null,
  subject text not null,
  client text not null,
  project_id text not null references project (id),
  path text not null,
  used_at text not null
);

create index workspace_caller on workspace (issuer, subject, client, used_at);
create index workspace_used on workspace (used_at);
