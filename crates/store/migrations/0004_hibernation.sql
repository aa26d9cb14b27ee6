-- Whether the instance was launched to be hibernated, whether a stop that is under way is to save its memory, and the
-- files that hold its memory. While `saved` is set, nothing of the machine has run since they were written.
ALTER TABLE instances ADD COLUMN hibernation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN hibernate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN saved TEXT;
