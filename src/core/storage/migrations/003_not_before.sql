-- When the factors of a person were reset, or the account ended: tokens that were issued before that are not good any more.
ALTER TABLE people ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;

-- Which factor an answer says is good, and until when it is repeated; 0 for a day.
ALTER TABLE kept_answers ADD COLUMN factor_id TEXT NOT NULL DEFAULT '';
ALTER TABLE kept_answers ADD COLUMN until BIGINT NOT NULL DEFAULT 0;
