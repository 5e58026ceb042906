-- When a factor last became what it is (milliseconds since 1970), so that no answer of before speaks for it; 0 since it is there.
ALTER TABLE factors ADD COLUMN state_at BIGINT NOT NULL DEFAULT 0;
