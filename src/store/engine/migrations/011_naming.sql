-- How a person who is being taken out is named, as a pattern; and events of theirs that do not say so.
ALTER TABLE erasing ADD COLUMN IF NOT EXISTS pattern String DEFAULT '';
ALTER TABLE erasing ADD COLUMN IF NOT EXISTS event String DEFAULT '';
