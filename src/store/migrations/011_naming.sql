-- How a person who is being taken out is named, as a pattern.
ALTER TABLE erasing ADD COLUMN pattern String DEFAULT '';
