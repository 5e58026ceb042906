-- Whom a token must not bring back for as long as it is good: a salted digest, which goes with the last token that it could meet.
CREATE TABLE forgotten (
  salt BYTEA NOT NULL,
  digest BYTEA NOT NULL,
  at BIGINT NOT NULL
);
