-- PostgreSQL alone has a second wall between tenants.
SELECT 1;
