-- When the last copy of this database was made, and where it was put: for the doctor.
ALTER TABLE installation ADD COLUMN backed_up_at INTEGER;
ALTER TABLE installation ADD COLUMN backed_up_to TEXT;
