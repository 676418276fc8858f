-- What an action says in a chat, by a webhook.
ALTER TABLE deliveries ADD COLUMN text text;
