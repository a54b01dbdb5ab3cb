-- Each record carries a hash over itself and the hash of the one before it. Where the chain begins stands in audit_start: at the first record of this
-- schema, or after the last one that retention took away.
alter table audit add column about integer;
alter table audit add column project text;
alter table audit add column duration_ms integer;
alter table audit add column bytes integer;
alter table audit add column repeated integer;
alter table audit add column detail text;
alter table audit add column hash text;

create table audit_start (
  sequence integer not null,
  hash text not null
);

insert into audit_start (sequence, hash)
select coalesce(max(sequence), 0), '0000000000000000000000000000000000000000000000000000000000000000' from audit;
