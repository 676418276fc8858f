-- What is looked for is found without reading the rest, however much of it there is.

-- A page that says that it is ours: anybody may, at any host.
CREATE INDEX tenants_public_url ON tenants (public_url);
CREATE INDEX invitations_page ON invitations (tenant_id, id);
DROP INDEX invitations_by_creation;
-- Hashes that other systems made; of most tenants there is none. In an order, or PostgreSQL would hope to meet one soon.
CREATE INDEX password_logins_foreign ON password_logins (tenant_id, created_at)
    WHERE substr(password_hash, 1, 7) <> '$argon2' AND substr(password_hash, 1, 5) <> '$dw1$';
-- For the clean-up, and for the keys whose turn it is.
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX signing_keys_age ON signing_keys (activated_at);
CREATE INDEX signing_keys_death ON signing_keys (dies_at) WHERE dies_at IS NOT NULL;
