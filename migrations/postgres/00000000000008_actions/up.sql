-- A tenant's own reactions: what each listens to, when it holds, and what it does.
CREATE TABLE actions (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name text NOT NULL,
    description text NOT NULL,
    listens jsonb NOT NULL,
    conditions jsonb NOT NULL,
    handler text NOT NULL,
    configuration jsonb NOT NULL,
    throws_on_success jsonb NOT NULL,
    throws_on_failure jsonb NOT NULL,
    priority integer NOT NULL,
    is_enabled boolean NOT NULL,
    max_attempts integer NOT NULL,
    runs_as uuid REFERENCES roles (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, name)
);
CREATE INDEX actions_list ON actions (tenant_id, created_at, id);
CREATE INDEX actions_runs_as ON actions (runs_as) WHERE runs_as IS NOT NULL;

-- What each did, by the same id as the job that did it. An event reaches an action once.
CREATE TABLE action_runs (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    action_id uuid NOT NULL,
    action_name text NOT NULL,
    event_id uuid NOT NULL,
    trigger_name text NOT NULL,
    chain_id uuid NOT NULL,
    depth integer NOT NULL,
    envelope jsonb NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL,
    detail jsonb NOT NULL,
    last_error text,
    duration_ms bigint,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz,
    UNIQUE (event_id, action_id)
);
CREATE INDEX action_runs_list ON action_runs (tenant_id, created_at, id);
CREATE INDEX action_runs_chain ON action_runs (chain_id);
CREATE INDEX action_runs_age ON action_runs (created_at);

-- How far in the order of commits what happened was handed on.
CREATE TABLE outbox_places (
    name text PRIMARY KEY,
    xact bigint NOT NULL,
    sequence bigint NOT NULL,
    updated_at timestamptz NOT NULL
);

ALTER TABLE actions ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON actions USING (tenant_id = (SELECT doorward_tenant()));
ALTER TABLE action_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON action_runs USING (tenant_id = (SELECT doorward_tenant()));
