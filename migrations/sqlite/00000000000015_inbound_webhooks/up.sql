-- Where other programs' messages come in.
CREATE TABLE inbound_webhooks (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    scheme TEXT NOT NULL,
    trigger_name TEXT NOT NULL,
    secret_sealed BLOB NOT NULL,
    bounds TEXT NOT NULL,
    is_enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbound_webhooks_list ON inbound_webhooks (tenant_id, created_at, id);
