package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tieline/tieline/store"
)

// columns are what a record consists of besides its key. The plus signs change
// nothing for SQLite, but spare the driver the look-up of each declared type.
const columns = `+r.version, +r.parent_kind, +r.parent_id, +r.unique_name, +r.labels, +r.due, +r.data`

const getSQL = `SELECT ` + columns + ` FROM record AS r WHERE r.kind = ? AND r.id = ?`

// The planner must not start at the child, so the join is a CROSS JOIN, whose
// order SQLite keeps. What the caller named need not be read.
const pathSQL = `SELECT r.id, +r.version, +r.parent_id, +r.labels, +r.due, +r.data
	FROM record AS p CROSS JOIN record AS r ON r.kind = ? AND r.unique_name = p.id || '/' || ?
	WHERE p.kind = ? AND p.unique_name = ? AND r.parent_kind = p.kind AND r.parent_id = p.id`

// record is one result row. Values are scanned as the driver gives them, which
// is cheaper than having database/sql convert each.
type record struct {
	version                                   int64
	parentKind, parentID, unique, labels, due any
	data                                      []byte
}

func (r *record) dest() []any {
	return []any{&r.version, &r.parentKind, &r.parentID, &r.unique, &r.labels, &r.due, &r.data}
}

// row builds the Row from what was scanned.
func (r *record) row(key store.Key) (store.Row, error) {
	row := store.Row{Key: key, Version: r.version, Data: r.data}
	if row.Data == nil {
		row.Data = []byte{} // the driver's form of an empty blob
	}
	row.Unique, _ = r.unique.(string)
	if kind, ok := r.parentKind.(string); ok {
		id, _ := r.parentID.(string)
		row.Parent = store.Key{Kind: store.Kind(kind), ID: id}
	}
	if due, ok := r.due.(int64); ok {
		row.Due = time.UnixMicro(due).UTC()
	}
	if labels, ok := r.labels.(string); ok {
		var err error
		if row.Labels, err = decodeLabels(labels); err != nil {
			return store.Row{}, err
		}
	}
	return row, nil
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key store.Key) (store.Row, error) {
	if err := s.check(ctx); err != nil {
		return store.Row{}, err
	}
	if err := key.Validate(); err != nil {
		return store.Row{}, err
	}
	var r record
	err := s.read(ctx, func() error {
		return s.statements.get.QueryRowContext(context.WithoutCancel(ctx), string(key.Kind), key.ID).Scan(r.dest()...)
	})
	if err != nil {
		return store.Row{}, notFound(err)
	}
	return s.decode(&r, key)
}

// GetPath implements [store.PathGetter], in one statement.
func (s *Store) GetPath(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
	if err := s.check(ctx); err != nil {
		return store.Row{}, err
	}
	if err := store.ValidatePath(parentKind, parentUnique, kind, name); err != nil {
		return store.Row{}, err
	}
	var r record
	var id, parentID string
	err := s.read(ctx, func() error {
		return s.statements.path.QueryRowContext(context.WithoutCancel(ctx), string(kind), name, string(parentKind), parentUnique).
			Scan(&id, &r.version, &parentID, &r.labels, &r.due, &r.data)
	})
	if err != nil {
		return store.Row{}, notFound(err)
	}
	r.parentKind, r.parentID, r.unique = string(parentKind), parentID, store.JoinPath(parentID, name)
	return s.decode(&r, store.Key{Kind: kind, ID: id})
}

func (s *Store) decode(r *record, key store.Key) (store.Row, error) {
	row, err := r.row(key)
	if err != nil {
		return store.Row{}, fmt.Errorf("sqlite: %s: %w: %w", s.path, ErrCorrupt, err)
	}
	return row, nil
}

func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}

// encodeLabels returns the labels as a JSON array, nil when there are none.
// Equal sets have equal text, because they come sorted.
func encodeLabels(labels []string) any {
	if len(labels) == 0 {
		return nil
	}
	text, err := json.Marshal(labels)
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return string(text)
}

// decodeLabels reads what encodeLabels wrote. Text without a backslash needs no
// decoder: in JSON, a quote within a string comes behind one.
func decodeLabels(text string) ([]string, error) {
	if strings.IndexByte(text, '\\') < 0 && strings.HasPrefix(text, `["`) && strings.HasSuffix(text, `"]`) {
		return strings.Split(text[2:len(text)-2], `","`), nil
	}
	var labels []string
	if err := json.Unmarshal([]byte(text), &labels); err != nil {
		return nil, err
	}
	return labels, nil
}
