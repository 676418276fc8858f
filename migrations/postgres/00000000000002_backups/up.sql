-- When the last copy of this database was made, and where it was put: for the doctor. SQLite's alone has any.
ALTER TABLE installation ADD COLUMN backed_up_at timestamptz;
ALTER TABLE installation ADD COLUMN backed_up_to text COLLATE "C";
