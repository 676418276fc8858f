-- Whoever looks for an address among many members begins at the address.
CREATE INDEX password_logins_email ON password_logins (email);
