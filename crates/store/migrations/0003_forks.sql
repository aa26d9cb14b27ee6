-- The instance that a fork began from.
ALTER TABLE instances ADD COLUMN forked_from TEXT;
