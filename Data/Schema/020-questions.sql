-- Questions that people were asked before something is done and have not answered. Answering one takes its row away, so that it counts once.
create table question (
  id text not null primary key,
  issuer text not null,
  subject text not null,
  client text not null,
  tool text not null,
  asked_at text not null,
  expires_at text not null
);

create index question_person on question (issuer, subject);
create index question_expiry on question (expires_at);
