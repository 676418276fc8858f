-- What a caller was answered who made something and gave the call a key: the same call with the same key is given the same
-- answer, and makes nothing. Written in the transaction that made it.
CREATE TABLE idempotency_keys (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key_hash bytea NOT NULL,
    input_hash bytea NOT NULL,
    answer_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, key_hash)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON idempotency_keys USING (tenant_id = (SELECT doorward_tenant()));
