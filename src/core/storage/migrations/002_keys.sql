-- Which file of keys the rows are sealed under: several processes on one database need the same.
CREATE TABLE keys_of_store (mark TEXT PRIMARY KEY);
