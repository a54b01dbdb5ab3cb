-- What came of a call that was let through, and which trace its client says it belongs to.
alter table audit add column client_trace_id text;
alter table audit add column status integer;
alter table audit add column exchanged_token_id text;
alter table audit add column downstream_status integer;
