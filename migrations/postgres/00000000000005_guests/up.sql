-- The second wall says who may be seen and changed; here, who may be made and ended. A guest is locked and logged in where
-- they are a guest, so that tenant may change them. It may neither end them nor let them in by another way.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'users', 'password_logins', 'anonymous_logins', 'digid_logins', 'openid_logins', 'totp_settings'
    ] LOOP
        EXECUTE format('CREATE POLICY home_makes ON %I AS RESTRICTIVE FOR INSERT '
            'WITH CHECK (tenant_id = (SELECT doorward_tenant()))', name);
        EXECUTE format('CREATE POLICY home_ends ON %I AS RESTRICTIVE FOR DELETE '
            'USING (tenant_id = (SELECT doorward_tenant()))', name);
    END LOOP;
END $$;

-- And a home may end what its person has in another tenant. It may not give them something there.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'memberships', 'login_identifiers', 'user_roles', 'sessions', 'pending_logins', 'devices', 'one_time_proofs'
    ] LOOP
        EXECUTE format('CREATE POLICY own_gives ON %I AS RESTRICTIVE FOR INSERT '
            'WITH CHECK (tenant_id = (SELECT doorward_tenant()))', name);
    END LOOP;
END $$;
CREATE POLICY own_gives_other ON user_roles AS RESTRICTIVE FOR UPDATE
    USING (tenant_id = (SELECT doorward_tenant()));

-- Unnamed, a session's temporary tables are found before all others, and these functions answer as the tables' owner.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['doorward_is_member(uuid)', 'doorward_is_home_of(uuid)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
    END LOOP;
END $$;
