-- PostgreSQL alone has a second wall between tenants. Here the queries' own filters are the one there is, and every test
-- of them runs on this database too.
SELECT 1;
