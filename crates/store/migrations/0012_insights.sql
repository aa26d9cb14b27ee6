-- Network insights: paths, and what analyses of them found. `ask` and `content` are the model's, as they were told.
CREATE TABLE insights_paths (
    id      TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    ask     TEXT NOT NULL
) STRICT;
CREATE TABLE insights_analyses (
    id      TEXT PRIMARY KEY,
    path_id TEXT NOT NULL REFERENCES insights_paths (id),
    started INTEGER NOT NULL,
    through TEXT NOT NULL,
    not_through TEXT NOT NULL,
    findings TEXT NOT NULL
) STRICT;
CREATE INDEX insights_analyses_by_path ON insights_analyses (path_id);
