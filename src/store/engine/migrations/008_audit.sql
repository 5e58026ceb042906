-- Who did what that needs a reason. Each row's hash covers the one before it; people are covered by salted commitments, so that they can be
-- taken out without breaking the chain.
CREATE TABLE audit_entries (
  seq UInt64,
  at DateTime64(3, 'UTC'),
  actor_ref String,
  actor_salt String,
  actor_commitment String,
  action LowCardinality(String),
  target String,
  target_salt String,
  target_commitment String,
  reason String,
  prev_hash String,
  hash String
)
ENGINE = @
ORDER BY seq
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW audit_log AS SELECT seq, at, actor_ref, action, target, reason, prev_hash, hash FROM audit_entries;
