-- Deliveries are sent from their own table: when each is due next, or taken until.
ALTER TABLE deliveries ADD COLUMN due_at timestamptz;
UPDATE deliveries SET due_at = updated_at WHERE state = 'queued';
DELETE FROM jobs WHERE name = 'webhooks.deliver' AND state IN ('queued', 'running');
CREATE INDEX deliveries_due ON deliveries (due_at, id) WHERE due_at IS NOT NULL;
