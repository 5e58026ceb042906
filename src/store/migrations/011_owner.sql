-- With a ClickHouse server: the data directory that the database belongs to. The first one stays.
CREATE TABLE owner (
  id String,
  at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY at;
