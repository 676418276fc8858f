-- Whoever looks for an address among many members begins at the address.
CREATE INDEX password_logins_email ON password_logins (email);
-- A list of a tenant's, in its usual order.
CREATE INDEX invitations_list ON invitations (tenant_id, created_at, id);
