-- Cron jobs of tenants stand beside those of the house: what each throws, what counts for times that were missed, and what
-- whoever wrote it held then.
ALTER TABLE cron_jobs ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE cron_jobs ADD COLUMN trigger_name TEXT NOT NULL DEFAULT '';
ALTER TABLE cron_jobs ADD COLUMN data TEXT NOT NULL DEFAULT '{}';
ALTER TABLE cron_jobs ADD COLUMN missed TEXT NOT NULL DEFAULT 'once';
ALTER TABLE cron_jobs ADD COLUMN bounds TEXT NOT NULL DEFAULT '[]';
CREATE INDEX cron_jobs_list ON cron_jobs (tenant_id, created_at, id);
-- Those that a clock threw which was ahead.
CREATE INDEX cron_jobs_last ON cron_jobs (last_at);
