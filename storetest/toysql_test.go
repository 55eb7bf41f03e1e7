package storetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// toySQL is a small Store on SQLite, as someone might write one in an
// afternoon. It exists to be broken: a bug of it is an edit of its SQL, or one
// of its switches.
type toySQL struct {
	db  *sql.DB
	bug toyBug
}

// toyBug says what is wrong with a toySQL.
type toyBug struct {
	edits    []string // pairs of old and new text, in the DSN and every statement
	noTx     bool     // the statements of a call are on their own
	split    bool     // an update is two statements
	offset   bool     // a cursor is the number of rows before it
	noProbe  bool     // a full page is taken for one that is followed by another
	deafGet  bool     // Get does not listen to its context
	fkOnPool bool     // foreign keys are switched on by one Exec on the pool
	orLabels bool     // a row with one of the labels matches
}

const (
	toyDSN    = "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)"
	toySchema = `CREATE TABLE row (
		kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
		parent_kind TEXT, parent_id TEXT, uniq TEXT, labels TEXT NOT NULL, due INTEGER, data BLOB NOT NULL,
		PRIMARY KEY (kind, id), UNIQUE (kind, uniq),
		FOREIGN KEY (parent_kind, parent_id) REFERENCES row (kind, id) ON DELETE CASCADE);
		CREATE INDEX row_parent ON row (parent_kind, parent_id)`
	toyColumns = `kind, id, version, parent_kind, parent_id, uniq, labels, due, data`
	toyGet     = `SELECT ` + toyColumns + ` FROM row WHERE kind = ?1 AND id = ?2`
	toyTaken   = `SELECT count(*) FROM row WHERE kind = ?1 AND uniq = ?2 AND id <> ?3`
	toyParent  = `SELECT count(*) FROM row WHERE kind = ?1 AND id = ?2 -- parent`
	toyInsert  = `INSERT INTO row VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`
	toyUpdate  = `UPDATE row SET version = ?3, uniq = ?6, labels = ?7, due = ?8, data = ?9 WHERE kind = ?1 AND id = ?2`
	toyDelete  = `DELETE FROM row WHERE kind = ?1 AND id = ?2`
	toyPath    = `SELECT c.kind, c.id, c.version, c.parent_kind, c.parent_id, c.uniq, c.labels, c.due, c.data
		FROM row AS p JOIN row AS c ON c.parent_kind = p.kind AND c.parent_id = p.id
		WHERE p.kind = ?1 AND p.uniq = ?2 AND c.kind = ?3 AND c.uniq = p.id || '/' || ?4`
)

func (bug toyBug) sql(text string) string { return strings.NewReplacer(bug.edits...).Replace(text) }

// toyTarget is a Target on the toy with a bug, or with none.
func toyTarget(bug toyBug) Target {
	open := func(t testing.TB, addr string) *toySQL {
		db, err := sql.Open("sqlite", "file:"+addr+bug.sql(toyDSN))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if bug.fkOnPool {
			if _, err := db.Exec("PRAGMA foreign_keys = 1"); err != nil {
				t.Fatal(err)
			}
		}
		return &toySQL{db, bug}
	}
	return Target{
		New: func(t testing.TB) string {
			addr := filepath.Join(t.TempDir(), "toy.db")
			if _, err := open(t, addr).db.Exec(bug.sql(toySchema)); err != nil {
				t.Fatal(err)
			}
			return addr
		},
		Open: func(t testing.TB, addr string) store.Store { return open(t, addr) },
	}
}

func TestToySQL(t *testing.T) {
	t.Parallel()
	// Another process has to find a test with any name.
	t.Run("in a file: quick (a+b)", func(t *testing.T) {
		t.Parallel()
		target := toyTarget(toyBug{})
		target.quick = true
		Run(t, target)
	})
}

func (s *toySQL) Close() error { return s.db.Close() }

// queries is a *sql.DB or a *sql.Tx.
type queries interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// gap is what lies between two statements that no transaction holds together.
func (s *toySQL) gap() {
	if s.bug.noTx {
		window()
	}
}

// write makes the call in a transaction.
func (s *toySQL) write(ctx context.Context, call func(queries) error) error {
	if s.bug.noTx {
		return toyError(ctx, call(s.db))
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return toyError(ctx, err)
	}
	if err := call(tx); err != nil {
		return errors.Join(toyError(ctx, err), ignoreDone(tx.Rollback()))
	}
	return toyError(ctx, tx.Commit())
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// toyError finds the reason in what database/sql answers.
func toyError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "database is closed"):
		return store.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(err.Error(), "UNIQUE constraint"):
		return store.ErrExists
	case strings.Contains(err.Error(), "FOREIGN KEY constraint"):
		return store.ErrNotFound
	}
	return err
}

// begin is what comes before all else in every call.
func (s *toySQL) begin(ctx context.Context, invalid error) error {
	if err := s.db.PingContext(context.WithoutCancel(ctx)); err != nil {
		return toyError(ctx, err)
	}
	return firstError(ctx.Err(), invalid)
}

func (s *toySQL) rows(ctx context.Context, q queries, text string, args ...any) ([]store.Row, error) {
	result, err := q.QueryContext(ctx, s.bug.sql(text), args...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	rows := []store.Row{}
	for result.Next() {
		var row store.Row
		var parentKind, parentID, unique sql.NullString
		var labels string
		var due sql.NullInt64
		if err := result.Scan(&row.Kind, &row.ID, &row.Version, &parentKind, &parentID, &unique, &labels, &due, &row.Data); err != nil {
			return nil, err
		}
		row.Parent = store.Key{Kind: store.Kind(parentKind.String), ID: parentID.String}
		row.Unique = unique.String
		if err := json.Unmarshal([]byte(labels), &row.Labels); err != nil {
			return nil, err
		}
		if due.Valid {
			row.Due = time.UnixMicro(due.Int64).UTC()
		}
		if row.Data == nil {
			row.Data = []byte{}
		}
		rows = append(rows, row)
	}
	return rows, result.Err()
}

func (s *toySQL) one(ctx context.Context, q queries, text string, args ...any) (store.Row, error) {
	rows, err := s.rows(ctx, q, text, args...)
	switch {
	case err != nil:
		return store.Row{}, err
	case len(rows) == 0:
		return store.Row{}, store.ErrNotFound
	}
	return rows[0], nil
}

func (s *toySQL) Get(ctx context.Context, key store.Key) (store.Row, error) {
	if s.bug.deafGet {
		ctx = context.WithoutCancel(ctx)
	}
	if err := s.begin(ctx, validKey(key)); err != nil {
		return store.Row{}, err
	}
	row, err := s.one(ctx, s.db, toyGet, key.Kind, key.ID)
	return row, toyError(ctx, err)
}

func (s *toySQL) GetPath(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
	if err := s.begin(ctx, nil); err != nil {
		return store.Row{}, err
	}
	row, err := s.one(ctx, s.db, toyPath, parentKind, parentUnique, kind, name)
	return row, toyError(ctx, err)
}

func (s *toySQL) count(ctx context.Context, q queries, text string, args ...any) (n int, err error) {
	result, err := q.QueryContext(ctx, s.bug.sql(text), args...)
	if err != nil {
		return 0, err
	}
	defer result.Close()
	for result.Next() {
		if err := result.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, result.Err()
}

func (s *toySQL) Put(ctx context.Context, row store.Row) (store.Row, error) {
	if err := s.begin(ctx, validRow(row)); err != nil {
		return store.Row{}, err
	}
	err := s.write(ctx, func(q queries) error {
		old, err := s.one(ctx, q, toyGet, row.Kind, row.ID)
		there := err == nil
		if err != nil && err != store.ErrNotFound {
			return err
		}
		if err := s.admit(ctx, q, row, old, there); err != nil {
			return err
		}
		s.gap()
		return s.save(ctx, q, stored(row), there)
	})
	if err != nil {
		return store.Row{}, err
	}
	return stored(row), nil
}

// admit is the contract's table.
func (s *toySQL) admit(ctx context.Context, q queries, row, old store.Row, there bool) error {
	if row.Version > 0 && !there {
		return store.ErrNotFound
	}
	taken, err := s.count(ctx, q, toyTaken, row.Kind, orNull(row.Unique), row.ID)
	if err != nil {
		return err
	}
	switch {
	case row.Version == 0 && there, taken > 0:
		return store.ErrExists
	case row.Version != old.Version:
		return store.ErrConflict
	case there && row.Parent != old.Parent:
		return store.ErrInvalid
	case there || row.Parent == store.Key{}:
		return nil
	}
	parents, err := s.count(ctx, q, toyParent, row.Parent.Kind, row.Parent.ID)
	if err == nil && parents == 0 {
		return store.ErrNotFound
	}
	return err
}

func (s *toySQL) save(ctx context.Context, q queries, row store.Row, there bool) error {
	labels, err := json.Marshal(row.Labels)
	if err != nil {
		return err
	}
	args := []any{
		row.Kind, row.ID, row.Version, orNull(string(row.Parent.Kind)), orNull(row.Parent.ID),
		orNull(row.Unique), string(labels), toyDue(row.Due), row.Data,
	}
	switch {
	case !there:
		_, err = q.ExecContext(ctx, s.bug.sql(toyInsert), args...)
	case s.bug.split:
		first := strings.Replace(toyUpdate, "labels = ?7, due = ?8, data = ?9", "data = ?9", 1)
		second := strings.Replace(toyUpdate, "version = ?3, uniq = ?6, labels = ?7, due = ?8, data = ?9", "labels = ?7, due = ?8", 1)
		if _, err = q.ExecContext(ctx, s.bug.sql(first), args...); err == nil {
			s.gap()
			_, err = q.ExecContext(ctx, s.bug.sql(second), args...)
		}
	default:
		_, err = q.ExecContext(ctx, s.bug.sql(toyUpdate), args...)
	}
	return err
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func toyDue(due time.Time) any {
	if due.IsZero() {
		return nil
	}
	return due.UnixMicro()
}

func (s *toySQL) Delete(ctx context.Context, key store.Key, version int64) error {
	if err := s.begin(ctx, firstError(validKey(key), validVersion(version))); err != nil {
		return err
	}
	return s.write(ctx, func(q queries) error {
		row, err := s.one(ctx, q, toyGet, key.Kind, key.ID)
		if err == nil && row.Version != version {
			err = store.ErrConflict
		}
		if err != nil {
			return err
		}
		for _, statement := range strings.Split(s.bug.sql(toyDelete), ";") {
			if _, err := q.ExecContext(ctx, statement, key.Kind, key.ID); err != nil {
				return err
			}
			s.gap()
		}
		return nil
	})
}
