-- What members see of a project's history. The audit, which is for operators, is a database of its own.
create table activity (
  sequence integer not null primary key autoincrement,
  project_id text not null references project (id),
  at text not null,
  issuer text not null,
  subject text not null,
  name text not null,
  action text not null,
  path text,
  detail text
);

create index activity_project on activity (project_id, sequence);
create index activity_person on activity (issuer, subject, sequence);
