package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"

	"github.com/tieline/tieline/store"
)

// maxData is the most bytes of Data. Postgres takes 1 GB a value, and a connection
// in text mode sends two for each.
const maxData = 256 << 20

// Put implements [store.Store]. Data may have up to 256 MiB. Kind, ID, Unique and
// each label are in indexes, where Postgres takes 2,700 bytes together, more if
// they can be compressed. More is [store.ErrInvalid].
func (s *Store) Put(ctx context.Context, row store.Row) (store.Row, error) {
	if err := s.check(ctx); err != nil {
		return store.Row{}, err
	}
	if err := row.Validate(); err != nil {
		return store.Row{}, err
	}
	if len(row.Data) > maxData {
		return store.Row{}, fmt.Errorf("%w: Data is longer than %d bytes", store.ErrInvalid, maxData)
	}
	row = row.Normalize()
	w := newWrite("put", row)
	args := []any{string(row.Kind), row.ID, orNull(string(row.Parent.Kind)), orNull(row.Parent.ID),
		orNull(row.Unique), row.Labels, due(row), w.id, row.Data}
	w.text, w.args = s.sql.insert, args
	if row.Version > 0 {
		w.text, w.args = s.sql.update, append(args, row.Version)
	}
	w.refuse = func(st state) error { return st.refusePut(row) }
	if err := s.write(ctx, w); err != nil {
		return store.Row{}, err
	}
	row.Version++
	return row, nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key store.Key, version int64) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	row := store.Row{Key: key, Version: version}
	if err := row.Validate(); err != nil {
		return err
	}
	w := newWrite("delete", row)
	w.deletes = true
	w.text, w.args = s.sql.drop, []any{string(key.Kind), key.ID, version, w.id}
	w.refuse = func(st state) error { return st.refuseDelete(version) }
	return s.write(ctx, w)
}

// write is a Put or a Delete: a statement that does nothing unless its row has
// the version it replaces, so that sent twice it takes effect once.
type write struct {
	op      string
	row     store.Row
	id      int64 // is stored with what it does
	deletes bool
	text    string
	args    []any
	refuse  func(state) error
}

func newWrite(op string, row store.Row) *write {
	return &write{op: op, row: row, id: rand.Int64()}
}

func (w *write) what() string { return w.op + " " + show(w.row.Key) }

// exec sends the statement, and reports whether it took effect.
func (w *write) exec(done *bool) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		tag, err := conn.Exec(ctx, w.text, w.args...)
		*done = err == nil && tag.RowsAffected() > 0
		if isRefused(err) {
			return nil // the state tells why
		}
		return err
	}
}

// look reads the state of the database in regard to the write.
func (s *Store) look(w *write, st *state) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, s.sql.state, string(w.row.Kind), w.row.ID, orNull(string(w.row.Parent.Kind)),
			orNull(w.row.Parent.ID), orNull(w.row.Unique), w.id).
			Scan(&st.version, &st.writeID, &st.sameParent, &st.taken, &st.hasParent, &st.ended)
	}
}

// maxAttempts bounds how often a write is tried again because others were in
// between. It takes a stored state that contradicts itself to get there.
const maxAttempts = 1000

// write sends the statement until it has taken effect, or there is a reason why
// it cannot. When it has done nothing, the state tells the reason; another process
// may write between the two, and then nothing may be in the way any more. When
// the connection was lost, the state tells first whether the statement came
// through. Where it did not, or not yet, sending it again is safe: whichever is
// carried out first leaves nothing for the other.
func (s *Store) write(ctx context.Context, w *write) error {
	own, release := linger(ctx, s.limits.linger)
	defer release()
	f := followUp{w: w, ctx: ctx}
	for range maxAttempts {
		var done bool
		var st state
		step, wait := w.exec(&done), ctx
		if f.look {
			step = s.look(w, &st)
		}
		if f.doubt != nil {
			wait = own
		}
		switch err := s.on(wait, own, step); {
		case err != nil:
			if !f.failed(own, s.limits, err) {
				return f.giveUp(err)
			}
		case done:
			return nil
		case !f.look:
			f.look = true
		default:
			again, err := f.judge(st)
			if !again {
				return err
			}
			f.look = false
		}
	}
	return fmt.Errorf("postgres: %s: %w: a write is refused without a reason", w.what(), ErrCorrupt)
}

func due(row store.Row) any {
	if row.Due.IsZero() {
		return nil
	}
	return row.Due.UnixMicro()
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
