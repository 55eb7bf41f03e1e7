package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// migration is a step to the next version of the schema.
type migration struct {
	text string
	// oldest is the oldest version of this package, counted in steps it knows,
	// that goes on working after the step. While a service is updated, old and
	// new processes run side by side, so a step only adds.
	oldest int
}

// migrations returns the steps that lead from nothing to the newest schema. The
// version of a schema is the number of steps that made it. Steps are only ever
// added: databases of every released version exist.
func migrations() []migration { return []migration{{text: schema1, oldest: 1}} }

// schema1 keeps a row of the Store in a record. Points worth knowing:
//
//   - COLLATE "C" compares bytes, as the contract asks, whatever language the
//     database is set to.
//   - What is absent is NULL, never empty, and partial indexes leave it out. due
//     is in microseconds since 1970.
//   - The foreign key deletes what is below a row, at any depth. An insert locks
//     its parent, so it either comes before the delete, and goes with it, or
//     after, and is refused. A row that is its own parent would satisfy the key,
//     so there is a CHECK.
//   - Labels are in the record, and for List in record_label, whose primary key has
//     the rows of a label in the order of a page: a page costs the same wherever
//     it is and however many rows share the label. A GIN index on the array would
//     have to collect and sort them all for each page, and would be written
//     whenever a row moves, which is at each change of due. The trigger runs only
//     when the labels change.
//   - Half of the updates change no indexed column; with room on its page, such
//     a row stays where it is and no index is written. Hence the fillfactor.
//   - data is encrypted, so trying to compress it is wasted.
//   - write_id is random, and tells a writer who lost the connection whether the
//     version that is there is its own. A delete leaves no row to look at, so ending
//     has the ID of the delete, and that of the last write to the row it took. An
//     ID has its place in there by its last bits, and is overwritten by a later
//     one: what is asked for is seconds old, and the table stays small without a
//     clock.
const schema1 = `
CREATE TABLE @.record (
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
	CONSTRAINT record_key PRIMARY KEY (kind, id),
	CONSTRAINT record_parent FOREIGN KEY (parent_kind, parent_id) REFERENCES @.record (kind, id) MATCH FULL ON DELETE CASCADE,
	CONSTRAINT record_not_its_parent CHECK (parent_kind <> kind OR parent_id <> id)
) WITH (fillfactor = 80);
ALTER TABLE @.record ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE UNIQUE INDEX record_unique ON @.record (kind, unique_name) WHERE unique_name IS NOT NULL;
CREATE INDEX record_below ON @.record (parent_kind, parent_id, kind, id) WHERE parent_kind IS NOT NULL;
CREATE INDEX record_due ON @.record (kind, due, id) WHERE due IS NOT NULL;

CREATE TABLE @.record_label (
	kind  text COLLATE "C" NOT NULL,
	label text COLLATE "C" NOT NULL,
	id    text COLLATE "C" NOT NULL,
	CONSTRAINT record_label_key PRIMARY KEY (kind, label, id)
);

CREATE FUNCTION @.follow_labels() RETURNS trigger LANGUAGE plpgsql AS ~
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO @.record_label (kind, label, id) SELECT NEW.kind, l.label, NEW.id FROM unnest(NEW.labels) AS l (label);
	ELSIF TG_OP = 'DELETE' THEN
		DELETE FROM @.record_label WHERE kind = OLD.kind AND label = ANY (OLD.labels) AND id = OLD.id;
	ELSE
		DELETE FROM @.record_label WHERE kind = OLD.kind AND id = OLD.id
			AND label = ANY (ARRAY(SELECT unnest(OLD.labels) EXCEPT SELECT unnest(NEW.labels)));
		INSERT INTO @.record_label (kind, label, id) SELECT NEW.kind, l.label, NEW.id FROM
			(SELECT unnest(NEW.labels) EXCEPT SELECT unnest(OLD.labels)) AS l (label);
	END IF;
	RETURN NULL;
END
~;
CREATE TRIGGER record_insert AFTER INSERT ON @.record FOR EACH ROW
	WHEN (NEW.labels IS NOT NULL) EXECUTE FUNCTION @.follow_labels();
CREATE TRIGGER record_update AFTER UPDATE OF labels ON @.record FOR EACH ROW
	WHEN (NEW.labels IS DISTINCT FROM OLD.labels) EXECUTE FUNCTION @.follow_labels();
CREATE TRIGGER record_delete AFTER DELETE ON @.record FOR EACH ROW
	WHEN (OLD.labels IS NOT NULL) EXECUTE FUNCTION @.follow_labels();

CREATE TABLE @.ending (
	slot     bigint NOT NULL,
	write_id bigint NOT NULL,
	CONSTRAINT ending_key PRIMARY KEY (slot)
) WITH (fillfactor = 50);
`

// migrationSQL brings the schema up to date. It is sent as one message, which
// makes it one transaction, also behind a pooler that allows no others. Of several
// processes that come at once, one does the work while the rest wait for the lock;
// each statement then sees what it did, at the isolation level that is set first.
func migrationSQL(schema, quoted string) string {
	var steps strings.Builder
	for i, m := range migrations() {
		fmt.Fprintf(&steps, "IF have < %d THEN\n%s\nINSERT INTO @.schema_version (version, oldest) VALUES (%d, %d);\nEND IF;\n",
			i+1, m.text, i+1, m.oldest)
	}
	text := `SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
SELECT pg_catalog.pg_advisory_xact_lock(` + fmt.Sprint(lockKey(schema)) + `);
DO ~~
DECLARE have integer;
BEGIN
IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = #) THEN
	CREATE SCHEMA @;
END IF;
CREATE TABLE IF NOT EXISTS @.schema_version (
	version integer NOT NULL CONSTRAINT schema_version_key PRIMARY KEY,
	oldest  integer NOT NULL
);
SELECT coalesce(max(version), 0) INTO have FROM @.schema_version;
` + steps.String() + `END
~~;`
	inner, outer := quotes(quoted)
	return strings.NewReplacer("@", quoted, "#", literal(schema), "~~", outer, "~", inner).Replace(text)
}

// quotes returns dollar quotes for a text within a text, that are not in the
// name of the schema: it may hold anything.
func quotes(name string) (inner, outer string) {
	for n := 0; ; n++ {
		inner, outer = fmt.Sprintf("$i%d$", n), fmt.Sprintf("$o%d$", n)
		if !strings.Contains(name, inner) && !strings.Contains(name, outer) {
			return inner, outer
		}
	}
}

// lockKey is the key of the advisory lock for migrations of the schema.
func lockKey(schema string) int64 {
	h := fnv.New64a()
	h.Write([]byte("tieline/store/postgres:" + schema))
	return int64(h.Sum64())
}

// literal quotes a string whatever standard_conforming_strings is.
func literal(s string) string {
	s = strings.ReplaceAll(s, `'`, `''`)
	if strings.Contains(s, `\`) {
		return ` E'` + strings.ReplaceAll(s, `\`, `\\`) + `'`
	}
	return `'` + s + `'`
}

// schemaVersion returns how many steps were made, and the oldest version of this
// package that can still use the result.
func (s *Store) schemaVersion(ctx context.Context) (version, oldest int, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, s.sql.version).Scan(&version, &oldest)
	})
	if errors.Is(err, pgx.ErrNoRows) || isMissing(err) {
		return 0, 0, nil
	}
	return version, oldest, err
}

// migrate makes the steps that are missing.
func (s *Store) migrate(ctx context.Context) error {
	version, oldest, err := s.schemaVersion(ctx)
	if err != nil {
		return err
	}
	known := len(migrations())
	switch {
	case version > known && oldest > known:
		return fmt.Errorf("%w: schema %d, this one knows %d", ErrNewerSchema, version, known)
	case version >= known:
		return nil
	}
	return s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, s.sql.migration)
		return err
	})
}
