-- A tenant's own reactions: what each listens to, when it holds, and what it does.
CREATE TABLE actions (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    listens TEXT NOT NULL,
    conditions TEXT NOT NULL,
    handler TEXT NOT NULL,
    configuration TEXT NOT NULL,
    throws_on_success TEXT NOT NULL,
    throws_on_failure TEXT NOT NULL,
    priority INTEGER NOT NULL,
    is_enabled INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    runs_as BLOB REFERENCES roles (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX actions_list ON actions (tenant_id, created_at, id);
CREATE INDEX actions_runs_as ON actions (runs_as) WHERE runs_as IS NOT NULL;

-- What each did, by the same id as the job that did it. An event reaches an action once.
CREATE TABLE action_runs (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    action_id BLOB NOT NULL,
    action_name TEXT NOT NULL,
    event_id BLOB NOT NULL,
    trigger_name TEXT NOT NULL,
    chain_id BLOB NOT NULL,
    depth INTEGER NOT NULL,
    envelope TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    detail TEXT NOT NULL,
    last_error TEXT,
    duration_ms INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at INTEGER,
    UNIQUE (event_id, action_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX action_runs_list ON action_runs (tenant_id, created_at, id);
CREATE INDEX action_runs_chain ON action_runs (chain_id);
CREATE INDEX action_runs_age ON action_runs (created_at);

-- How far in the order of commits what happened was handed on.
CREATE TABLE outbox_places (
    name TEXT PRIMARY KEY,
    xact INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
