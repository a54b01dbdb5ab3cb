-- One row a decision. In a database file of its own, so that nothing else has to be able to write here.
create table audit (
  sequence integer not null primary key autoincrement,
  recorded_at text not null,
  kind text not null,
  decision text not null,
  reason text not null,
  policy_version text not null,
  trace_id text,
  address text,
  issuer text,
  subject text,
  client text,
  token_id text,
  method text,
  target text,
  arguments_digest text,
  scopes_needed text,
  scopes_held text
);
