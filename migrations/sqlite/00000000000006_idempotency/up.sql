-- What a caller was answered who made something and gave the call a key: the same call with the same key is given the same
-- answer, and makes nothing. Written in the transaction that made it.
CREATE TABLE idempotency_keys (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key_hash BLOB NOT NULL,
    input_hash BLOB NOT NULL,
    answer_sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (tenant_id, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
