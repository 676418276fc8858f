-- What whoever wrote an action held then: neither it nor what follows from it does more. None is known of those that stand here
-- already: they act again once somebody has written them.
ALTER TABLE actions ADD COLUMN bounds TEXT NOT NULL DEFAULT '[]';
ALTER TABLE action_runs ADD COLUMN bounds TEXT NOT NULL DEFAULT '[]';
-- Whether whoever wrote a webhook may look at people.
ALTER TABLE webhooks ADD COLUMN shows_people INTEGER NOT NULL DEFAULT 0;
