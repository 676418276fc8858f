-- The second wall between tenants: were a query to forget its tenant, the database would still give it that tenant's
-- rows alone. It binds whoever does not own these tables; the server takes on such a role (`doorward_app`) and names the
-- tenant (`doorward.tenant`) for all that it does within one. Without a name there is nothing to see.

CREATE FUNCTION doorward_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('doorward.tenant', true), '')::uuid $$;

-- As the owner, for a policy that looked at the other's table by itself would look for ever.
CREATE FUNCTION doorward_is_member(person uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS
$$ SELECT EXISTS (SELECT 1 FROM memberships WHERE tenant_id = doorward_tenant() AND user_id = person) $$;

CREATE FUNCTION doorward_is_home_of(person uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS
$$ SELECT EXISTS (SELECT 1 FROM users WHERE tenant_id = doorward_tenant() AND id = person) $$;

-- What is a tenant's and nobody else's.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'tenant_hosts', 'clients', 'client_origins', 'sign_ups', 'invitations', 'roles', 'role_permissions',
        'signing_keys', 'jobs', 'cron_jobs', 'domain_events', 'audit_records', 'feature_flag_values', 'files'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own ON %I USING (tenant_id = (SELECT doorward_tenant()))', name);
    END LOOP;
END $$;

-- People, and how they enter: their home's, and of each tenant that they are a member of.
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY home_or_membership ON users
    USING (tenant_id = (SELECT doorward_tenant()) OR doorward_is_member(id));
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'password_logins', 'anonymous_logins', 'digid_logins', 'openid_logins', 'totp_settings'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY home_or_membership ON %I '
            'USING (tenant_id = (SELECT doorward_tenant()) OR doorward_is_member(user_id))', name);
    END LOOP;
END $$;

-- What a person has in a tenant: that tenant's, and of the home, which may end it.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'memberships', 'login_identifiers', 'user_roles', 'sessions', 'pending_logins', 'devices', 'one_time_proofs'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_or_of_home ON %I '
            'USING (tenant_id = (SELECT doorward_tenant()) OR doorward_is_home_of(user_id))', name);
    END LOOP;
END $$;

-- Another tenant's own row may be looked at: a guest's home has to be open, and says whether its passwords count here.
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY within_a_tenant ON tenants FOR SELECT USING ((SELECT doorward_tenant()) IS NOT NULL);
CREATE POLICY own ON tenants FOR UPDATE USING (id = (SELECT doorward_tenant()));

-- Words that all tenants share, and keyed hashes that name nobody, since a guess counts at the person's home too.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['permissions', 'feature_flags', 'guess_counters'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY within_a_tenant ON %I USING ((SELECT doorward_tenant()) IS NOT NULL)', name);
    END LOOP;
END $$;

-- What is the house's.
ALTER TABLE installation ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_pauses ENABLE ROW LEVEL SECURITY;
