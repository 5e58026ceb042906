-- A row per person, locked by whatever changes something of theirs; the epoch counts what ends all that was allowed before (reset, end of the account).
CREATE TABLE people (user_id TEXT PRIMARY KEY, epoch BIGINT NOT NULL);

CREATE TABLE enrollments (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL, factor_type TEXT NOT NULL, state TEXT NOT NULL, version BIGINT NOT NULL,
  sealed BYTEA NOT NULL, failures BIGINT NOT NULL, sends BIGINT NOT NULL, may_send_at BIGINT NOT NULL, created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL, factor_id TEXT, replaces TEXT, token_id TEXT, trace TEXT, labels TEXT NOT NULL
);
CREATE UNIQUE INDEX enrollments_open ON enrollments (user_id, factor_type) WHERE state = 'pending';
CREATE INDEX enrollments_by_time ON enrollments (created_at);
CREATE INDEX enrollments_of_token ON enrollments (token_id) WHERE token_id IS NOT NULL;
CREATE INDEX enrollments_waiting ON enrollments (expires_at) WHERE state = 'pending';

CREATE TABLE factors (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL, factor_type TEXT NOT NULL, state TEXT NOT NULL, version BIGINT NOT NULL, sealed BYTEA NOT NULL,
  failures BIGINT NOT NULL, sends BIGINT NOT NULL, may_send_at BIGINT NOT NULL, identity TEXT NOT NULL, trace TEXT,
  created_at BIGINT NOT NULL, used_at BIGINT, labels TEXT NOT NULL
);
CREATE INDEX factors_of_user ON factors (user_id);
CREATE INDEX factors_by_identity ON factors (factor_type, identity) WHERE state IN ('active', 'suspended');

-- Every message that was asked for: what limits and spend caps count.
CREATE TABLE sends (
  id TEXT PRIMARY KEY, about TEXT NOT NULL, user_id TEXT NOT NULL, channel TEXT NOT NULL, destination TEXT NOT NULL, prefix TEXT NOT NULL,
  provider TEXT, region TEXT, reference TEXT, state TEXT NOT NULL, cost DOUBLE PRECISION NOT NULL, at BIGINT NOT NULL
);
CREATE INDEX sends_by_destination ON sends (destination, at);
CREATE INDEX sends_by_user ON sends (user_id, at);
CREATE INDEX sends_by_prefix ON sends (prefix, at);
CREATE INDEX sends_by_time ON sends (at);

-- Whose a token is now, and whose it was last: that factor knows how far counter and clock have come. The version changes with its holder.
CREATE TABLE hardware_tokens (
  serial TEXT PRIMARY KEY, sealed BYTEA NOT NULL, factor_id TEXT, last_factor TEXT, version BIGINT NOT NULL, imported_at BIGINT NOT NULL
);

CREATE TABLE kept_answers (
  principal TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status BIGINT NOT NULL, sealed BYTEA NOT NULL, enrollment_id TEXT NOT NULL,
  at BIGINT NOT NULL, PRIMARY KEY (principal, key)
);
CREATE INDEX kept_answers_by_time ON kept_answers (at);

CREATE TABLE IF NOT EXISTS outbox (n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event TEXT NOT NULL);
