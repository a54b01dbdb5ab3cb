-- A project whose folder is mounted from the settings is there as long as the settings name it.
alter table project add column mounted integer not null default 0;
alter table project add column available integer not null default 1;
