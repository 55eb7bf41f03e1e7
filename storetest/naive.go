package storetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tieline/tieline/store"
)

// naive is the contract written down as code that is slow and easy to check:
// one map and one lock, and every List looks at every row. It shares nothing
// with the Stores it is compared with.
type naive struct {
	mu   sync.Mutex
	rows map[store.Key]store.Row
}

func (n *naive) Get(ctx context.Context, key store.Key) (store.Row, error) {
	if err := firstError(ctx.Err(), validKey(key)); err != nil {
		return store.Row{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	row, there := n.rows[key]
	if !there {
		return store.Row{}, store.ErrNotFound
	}
	return copied(row), nil
}

func (n *naive) Put(ctx context.Context, row store.Row) (store.Row, error) {
	if err := firstError(ctx.Err(), validRow(row)); err != nil {
		return store.Row{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	old, there := n.rows[row.Key]
	_, parentThere := n.rows[row.Parent]
	switch {
	case row.Version > 0 && !there:
		return store.Row{}, store.ErrNotFound
	case row.Version == 0 && there, n.taken(row):
		return store.Row{}, store.ErrExists
	case row.Version != old.Version:
		return store.Row{}, store.ErrConflict
	case !there && row.Parent != (store.Key{}) && !parentThere:
		return store.Row{}, store.ErrNotFound
	case there && row.Parent != old.Parent:
		return store.Row{}, store.ErrInvalid
	}
	if n.rows == nil {
		n.rows = map[store.Key]store.Row{}
	}
	n.rows[row.Key] = stored(row)
	return stored(row), nil
}

// taken reports whether another row of the Kind has the Unique.
func (n *naive) taken(row store.Row) bool {
	for key, other := range n.rows {
		if row.Unique != "" && other.Unique == row.Unique && key.Kind == row.Kind && key != row.Key {
			return true
		}
	}
	return false
}

func (n *naive) Delete(ctx context.Context, key store.Key, version int64) error {
	if err := firstError(ctx.Err(), validKey(key), validVersion(version)); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	row, there := n.rows[key]
	if !there {
		return store.ErrNotFound
	}
	if row.Version != version {
		return store.ErrConflict
	}
	n.cascade(key)
	return nil
}

func (n *naive) cascade(key store.Key) {
	delete(n.rows, key)
	for below, row := range maps.Clone(n.rows) {
		if row.Parent == key {
			n.cascade(below)
		}
	}
}

func (n *naive) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := firstError(ctx.Err(), validQuery(q)); err != nil {
		return store.Page{}, err
	}
	limit := min(cmp.Or(q.Limit, store.DefaultLimit), store.MaxLimit)
	n.mu.Lock()
	defer n.mu.Unlock()
	page := store.Page{Rows: []store.Row{}}
	var found []store.Row
	for _, row := range n.rows {
		if matches(row, q) {
			found = append(found, row)
		}
	}
	for _, row := range ordered(q, found) {
		if q.After != "" && cursor(q, row) <= q.After {
			continue
		}
		if len(page.Rows) == limit {
			page.Next = cursor(q, page.Rows[limit-1])
			break
		}
		page.Rows = append(page.Rows, copied(row))
	}
	return page, nil
}

// matches is the meaning of a Query.
func matches(row store.Row, q store.Query) bool {
	if row.Kind != q.Kind {
		return false
	}
	if q.Parent != (store.Key{}) && row.Parent != q.Parent {
		return false
	}
	if q.Unique != "" && row.Unique != q.Unique {
		return false
	}
	for _, l := range q.Labels {
		if !slices.Contains(row.Labels, l) {
			return false
		}
	}
	return q.DueBefore.IsZero() || (!row.Due.IsZero() && row.Due.Before(q.DueBefore))
}

// The two forms of a cursor compare, as strings, like the rows they stand for.
const (
	idCursor  = "by ID "
	dueCursor = "by Due "
	dueLayout = "2006-01-02T15:04:05.000000"
)

func cursor(q store.Query, row store.Row) string {
	if q.DueBefore.IsZero() {
		return idCursor + row.ID
	}
	return dueCursor + row.Due.Format(dueLayout) + row.ID
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func validRow(row store.Row) error {
	err := firstError(validVersion(row.Version), validKey(row.Key), validName(row.Unique), validLabels(row.Labels))
	if row.Parent != (store.Key{}) {
		err = firstError(err, validKey(row.Parent))
	}
	if year := row.Due.UTC().Year(); year < 1 || year > 9999 {
		err = firstError(err, fmt.Errorf("due in the year %d: %w", year, store.ErrInvalid))
	}
	return err
}

func validQuery(q store.Query) error {
	err := firstError(validName(string(q.Kind)), validName(q.Unique), validLabels(q.Labels))
	if q.Parent != (store.Key{}) {
		err = firstError(err, validKey(q.Parent))
	}
	if q.Kind == "" || q.Limit < 0 || !validCursor(q) {
		err = firstError(err, store.ErrInvalid)
	}
	return err
}

func validCursor(q store.Query) bool {
	if q.DueBefore.IsZero() {
		return q.After == "" || (strings.HasPrefix(q.After, idCursor) && len(q.After) > len(idCursor))
	}
	due, isDue := strings.CutPrefix(q.After, dueCursor)
	if isDue && len(due) > len(dueLayout) {
		_, err := time.Parse(dueLayout, due[:len(dueLayout)])
		return err == nil
	}
	return q.After == ""
}

func validVersion(version int64) error {
	if version < 0 {
		return fmt.Errorf("version %d: %w", version, store.ErrInvalid)
	}
	return nil
}

func validKey(key store.Key) error {
	if key.Kind == "" || key.ID == "" {
		return fmt.Errorf("key without Kind or ID: %w", store.ErrInvalid)
	}
	return firstError(validName(string(key.Kind)), validName(key.ID))
}

func validLabels(labels []string) error {
	for _, l := range labels {
		if err := validName(l); err != nil {
			return err
		}
	}
	return nil
}

func validName(name string) error {
	if !utf8.ValidString(name) || strings.Contains(name, "\x00") {
		return fmt.Errorf("NUL or invalid UTF-8 in a name: %w", store.ErrInvalid)
	}
	return nil
}
