-- Who has which project. Names of people are for people to read; the pair of issuer and subject decides.
create table project (
  id text not null primary key,
  slug text not null unique,
  title text not null,
  created_at text not null,
  archived_at text
);

create table member (
  project_id text not null references project (id),
  issuer text not null,
  subject text not null,
  name text not null,
  role text not null check (role in ('owner', 'editor', 'reader')),
  added_at text not null,
  primary key (project_id, issuer, subject)
);

create index member_person on member (issuer, subject);
