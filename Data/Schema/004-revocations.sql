-- Tokens that are dead before they expire. The whole primary key is looked up, five times for each request, so that the cost does not grow with the
-- table. kind: token, subject, client, grant (name is the subject), session, sessionless (name is the subject), logout (a logout token that was used).
create table revocation (
  issuer text not null,
  kind text not null check (kind in ('token', 'subject', 'client', 'grant', 'session', 'sessionless', 'logout')),
  name text not null,
  client text not null default '',
  issued_until text not null,
  primary key (issuer, kind, name, client)
) without rowid;

-- For the purge.
create index revocation_issued_until on revocation (issued_until);
