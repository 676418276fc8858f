-- Where other programs' messages come in.
CREATE TABLE inbound_webhooks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name text NOT NULL,
    description text NOT NULL,
    scheme text NOT NULL,
    trigger_name text NOT NULL,
    secret_sealed bytea NOT NULL,
    bounds jsonb NOT NULL,
    is_enabled boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, name)
);
CREATE INDEX inbound_webhooks_list ON inbound_webhooks (tenant_id, created_at, id);

ALTER TABLE inbound_webhooks ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON inbound_webhooks USING (tenant_id = (SELECT doorward_tenant()));
