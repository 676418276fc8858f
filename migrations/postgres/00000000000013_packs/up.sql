-- What was put into a tenant as one, with what it made there.
CREATE TABLE packs (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name text NOT NULL,
    version text NOT NULL,
    content jsonb NOT NULL,
    inputs jsonb NOT NULL,
    parts jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, name)
);
CREATE INDEX packs_list ON packs (tenant_id, created_at, id);

ALTER TABLE packs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON packs USING (tenant_id = (SELECT doorward_tenant()));
