package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks a file as ours in its header: "tiel" in ASCII.
const applicationID = 0x7469656c

// migrations returns the steps that lead from an empty file to the newest
// schema. The version of a schema is the number of steps that made it. Steps are
// only ever added: files of every released version exist.
func migrations() []string { return []string{schema1} }

// schema1 keeps a row of the Store in a record. Points worth knowing:
//
//   - record is a rowid table: with rows of a kilobyte and more, a table that is
//     its own primary key index is much slower to search.
//   - data comes last, so that reading the other columns never follows the
//     overflow pages of a large row.
//   - What is absent is NULL, never empty, and partial indexes leave it out.
//   - labels holds a JSON array of the sorted labels. Triggers mirror it in
//     record_label, whose primary key is the index that List searches. A row whose
//     labels do not change is one write.
//   - The foreign key has no ON DELETE CASCADE, which SQLite stops at a depth of
//     1000. Delete takes all descendants in one statement, and the key proves, at
//     the end of each statement, that no orphan is left. It would let a new row
//     be its own parent, so there is a CHECK.
const schema1 = `
CREATE TABLE record (
	number      INTEGER PRIMARY KEY,
	kind        TEXT NOT NULL,
	id          TEXT NOT NULL,
	version     INTEGER NOT NULL CHECK (version > 0),
	parent_kind TEXT,
	parent_id   TEXT,
	unique_name TEXT,
	labels      TEXT,
	due         INTEGER,
	data        BLOB NOT NULL,
	FOREIGN KEY (parent_kind, parent_id) REFERENCES record (kind, id),
	CHECK (parent_kind <> kind OR parent_id <> id)
) STRICT;

CREATE UNIQUE INDEX record_key ON record (kind, id);
CREATE UNIQUE INDEX record_unique ON record (kind, unique_name) WHERE unique_name IS NOT NULL;
CREATE INDEX record_parent ON record (parent_kind, parent_id, kind, id) WHERE parent_kind IS NOT NULL;
CREATE INDEX record_due ON record (kind, due, id) WHERE due IS NOT NULL;

CREATE TABLE record_label (
	kind  TEXT NOT NULL,
	label TEXT NOT NULL,
	id    TEXT NOT NULL,
	PRIMARY KEY (kind, label, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER record_insert AFTER INSERT ON record WHEN new.labels IS NOT NULL BEGIN
	INSERT INTO record_label SELECT new.kind, value, new.id FROM json_each(new.labels);
END;
CREATE TRIGGER record_update AFTER UPDATE OF labels ON record WHEN new.labels IS NOT old.labels BEGIN
	DELETE FROM record_label WHERE kind = old.kind AND id = old.id AND label IN
		(SELECT value FROM json_each(old.labels) EXCEPT SELECT value FROM json_each(new.labels));
	INSERT INTO record_label SELECT new.kind, value, new.id FROM
		(SELECT value FROM json_each(new.labels) EXCEPT SELECT value FROM json_each(old.labels));
END;
CREATE TRIGGER record_delete AFTER DELETE ON record WHEN old.labels IS NOT NULL BEGIN
	DELETE FROM record_label WHERE kind = old.kind AND id = old.id
		AND label IN (SELECT value FROM json_each(old.labels));
END;
`

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// schemaVersion returns the version of the schema in the file: 0 for an empty
// database, and an error for one that is not ours or too new.
func (s *Store) schemaVersion(ctx context.Context, db querier) (int, error) {
	var app, version, objects int
	err := db.QueryRowContext(ctx, `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id AS a, pragma_user_version AS v`).Scan(&app, &version, &objects)
	switch {
	case err != nil:
		return 0, err
	case app == 0 && version == 0 && objects == 0:
		return 0, nil
	case app != applicationID:
		return 0, fmt.Errorf("sqlite: %s: %w", s.path, ErrForeign)
	case version > len(migrations()):
		return 0, fmt.Errorf("sqlite: %s: %w: schema %d, this one knows %d", s.path, ErrNewerSchema, version, len(migrations()))
	}
	return version, nil
}

// migrate brings the schema up to date. It looks again at where it stands once it
// has the write lock: of several processes that open a new file, one does the
// work.
func (s *Store) migrate(ctx context.Context) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit, and else the first error counts
	version, err := s.schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	for _, step := range migrations()[version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(migrations()))
	if _, err := tx.ExecContext(ctx, marks); err != nil {
		return err
	}
	return tx.Commit()
}
