-- References of a person who is being taken out: statements that rewrite tables name this table, and no person.
CREATE TABLE erasing (ref String) ENGINE = @ ORDER BY ref SETTINGS fsync_after_insert = 1;

-- What was rewritten leaves the disk within seconds, rather than minutes: forgetting somebody ends with a search of the files.
ALTER TABLE events MODIFY SETTING cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;
ALTER TABLE spans_log MODIFY SETTING cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;
ALTER TABLE attempt_states MODIFY SETTING cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;
ALTER TABLE recovery_states MODIFY SETTING cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;
ALTER TABLE bad_users MODIFY SETTING cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;
ALTER TABLE findings_log MODIFY SETTING cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;
ALTER TABLE maintenance_log MODIFY SETTING cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;
ALTER TABLE audit_entries MODIFY SETTING cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;
ALTER TABLE erasing MODIFY SETTING cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;
