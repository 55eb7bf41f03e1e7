package postgres

import (
	"context"
	"errors"
	"hash/fnv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// migrations lead from an empty schema to the newest. The version of a schema is
// the number of those that made it. They are only ever added to, and they only
// add: a program of an older version goes on working. One that cannot be done so
// raises needs, the oldest version of this package's schema that a program must
// know.
func migrations() []string { return []string{schema1} }

const needs = 1

// schema1 keeps a row of the Store in a record. Points worth knowing:
//
//   - Text is compared by its bytes, as the contract has it, whatever the
//     database's own collation.
//   - What is absent is NULL, and partial indexes leave it out.
//   - labels is what is read and compared; a trigger mirrors it in record_label,
//     whose key is the index that List searches, in the order of the IDs. A GIN
//     index would give a page only after it has sorted all that match. A row whose
//     labels do not change is one write.
//   - The foreign key deletes what is below a row, at any depth. It would let a new
//     row be its own parent, so there is a CHECK.
//   - write_id marks the write that made this version, so that a writer whose
//     connection broke can tell its own from another's.
//   - Pages keep room for the next version of their rows, which then needs no
//     new entry in any index unless Due has changed.
const schema1 = `
CREATE TABLE {record} (
	kind        text COLLATE "C" NOT NULL,
	id          text COLLATE "C" NOT NULL,
	version     bigint NOT NULL CHECK (version > 0),
	parent_kind text COLLATE "C",
	parent_id   text COLLATE "C",
	unique_name text COLLATE "C",
	labels      text[] COLLATE "C",
	due         bigint,
	write_id    bigint NOT NULL,
	data        bytea NOT NULL,
	PRIMARY KEY (kind, id),
	FOREIGN KEY (parent_kind, parent_id) REFERENCES {record} (kind, id) ON DELETE CASCADE,
	CHECK (parent_kind <> kind OR parent_id <> id)
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX record_unique ON {record} (kind, unique_name) WHERE unique_name IS NOT NULL;
CREATE INDEX record_parent ON {record} (parent_kind, parent_id, kind, id) WHERE parent_kind IS NOT NULL;
CREATE INDEX record_due ON {record} (kind, due, id) WHERE due IS NOT NULL;

CREATE TABLE {label} (
	kind  text COLLATE "C" NOT NULL,
	label text COLLATE "C" NOT NULL,
	id    text COLLATE "C" NOT NULL,
	PRIMARY KEY (kind, label, id)
);

CREATE FUNCTION {mirror}() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
	IF TG_OP <> 'INSERT' THEN
		DELETE FROM {label} AS l WHERE l.kind = old.kind AND l.id = old.id AND l.label = ANY (old.labels)
			AND (TG_OP = 'DELETE' OR new.labels IS NULL OR l.label <> ALL (new.labels));
	END IF;
	IF TG_OP <> 'DELETE' AND new.labels IS NOT NULL THEN
		INSERT INTO {label} (kind, label, id) SELECT new.kind, n.label, new.id FROM unnest(new.labels) AS n (label)
			WHERE TG_OP = 'INSERT' OR old.labels IS NULL OR n.label <> ALL (old.labels);
	END IF;
	RETURN NULL;
END
$mirror$;

CREATE TRIGGER record_insert AFTER INSERT ON {record} FOR EACH ROW WHEN (new.labels IS NOT NULL) EXECUTE FUNCTION {mirror}();
CREATE TRIGGER record_update AFTER UPDATE OF labels ON {record} FOR EACH ROW WHEN (new.labels IS DISTINCT FROM old.labels) EXECUTE FUNCTION {mirror}();
CREATE TRIGGER record_delete AFTER DELETE ON {record} FOR EACH ROW WHEN (old.labels IS NOT NULL) EXECUTE FUNCTION {mirror}();
`

// versionSQL answers with the version of the schema and the oldest that a program
// must know; the table is there if it is ours.
const versionSQL = `SELECT version, needs FROM {schema}`

func (s *Store) ddl(text string) string {
	name := func(table string) string { return pgx.Identifier{s.schema, table}.Sanitize() }
	return strings.NewReplacer("{record}", name("record"), "{label}", name("record_label"),
		"{mirror}", name("record_mirror"), "{schema}", name("schema_version")).Replace(text)
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// version is that of the schema in the database, 0 if there is none, or why this
// program cannot use it.
func (s *Store) version(ctx context.Context, db querier) (int, error) {
	var version, oldest int
	err := db.QueryRow(ctx, s.ddl(versionSQL)).Scan(&version, &oldest)
	switch {
	case isCode(err, undefinedTable, undefinedSchema):
		return 0, nil
	case errors.Is(err, pgx.ErrNoRows), isCode(err, undefinedColumn):
		return 0, ErrForeign
	case err != nil:
		return 0, err
	case oldest > len(migrations()):
		return 0, ErrNewerSchema
	}
	return version, nil
}

// migrate brings the schema up to date. It looks again at where it stands once it
// has the lock: of several processes that start at once, one does the work.
func (s *Store) migrate(ctx context.Context) error {
	version, err := s.version(ctx, s.pool)
	if err != nil || version >= len(migrations()) {
		return err
	}
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		lock := fnv.New64a()
		_, _ = lock.Write([]byte("tieline schema " + s.schema)) // never fails
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lock.Sum64())); err != nil {
			return err
		}
		return s.upgrade(ctx, tx)
	})
}

func (s *Store) upgrade(ctx context.Context, tx pgx.Tx) error {
	schema := pgx.Identifier{s.schema}.Sanitize()
	var exists, foreign bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1),
		EXISTS (SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
			WHERE n.nspname = $1 AND c.relname IN ('record', 'record_label'))
		AND to_regclass($2) IS NULL`, s.schema, s.ddl("{schema}")).Scan(&exists, &foreign)
	switch {
	case err != nil:
		return err
	case foreign:
		return ErrForeign
	}
	version := 0
	if exists {
		savepoint, err := tx.Begin(ctx) // an error would end the transaction
		if err != nil {
			return err
		}
		version, err = s.version(ctx, savepoint)
		if rerr := savepoint.Rollback(ctx); err == nil {
			err = rerr
		}
		if err != nil {
			return err
		}
	} else if _, err := tx.Exec(ctx, "CREATE SCHEMA "+schema); err != nil {
		return err
	}
	if version >= len(migrations()) {
		return nil // another process was faster
	}
	for _, step := range migrations()[version:] {
		if _, err := tx.Exec(ctx, s.ddl(step), pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return s.setVersion(ctx, tx, version)
}

func (s *Store) setVersion(ctx context.Context, tx pgx.Tx, before int) error {
	if before == 0 {
		_, err := tx.Exec(ctx, s.ddl(`CREATE TABLE {schema} (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL, needs integer NOT NULL)`))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, s.ddl(`INSERT INTO {schema} (version, needs) VALUES ($1, $2)`), len(migrations()), needs)
		return err
	}
	_, err := tx.Exec(ctx, s.ddl(`UPDATE {schema} SET version = $1, needs = $2`), len(migrations()), needs)
	return err
}
