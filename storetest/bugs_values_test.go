package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/store"
)

// valueBugs are about what comes back.
func valueBugs() []seededBug {
	return slices.Concat(carryBugs(), aliasBugs(), outputAliasBugs(), dueValueBugs(), []seededBug{
		{"nil Data comes back nil", "RoundTrip", onMemory(func(m *mutant) {
			m.rows(func(r store.Row) store.Row {
				if len(r.Data) == 0 {
					r.Data = nil
				}
				return r
			})
		})},
		{"no Labels come back as an empty slice", "RoundTrip", onMemory(func(m *mutant) {
			m.rows(func(r store.Row) store.Row {
				if r.Labels == nil {
					r.Labels = []string{}
				}
				return r
			})
		})},
		{"Labels keep the order and repetition they were given in", "RoundTrip", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if err == nil {
					got.Labels = append([]string(nil), row.Labels...)
					n.set(got)
				}
				return got, err
			}
		})},
		{"Labels are sorted without regard to case", "RoundTrip", onMemory(func(m *mutant) {
			m.rows(func(r store.Row) store.Row {
				slices.SortStableFunc(r.Labels, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
				return r
			})
		})},
		{"Data ends at the first NUL", "RoundTrip", onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row { r.Data, _, _ = bytes.Cut(r.Data, []byte{0}); return r })
		})},
		{"Data is text, and invalid UTF-8 is replaced", "RoundTrip", onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row { r.Data = bytes.ToValidUTF8(r.Data, []byte("?")); return r })
		})},
		{"Data of more than 64 KiB is cut off", "BigData", onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row { r.Data = r.Data[:min(len(r.Data), 1<<16)]; return r })
		})},
		{"Data of more than 1 MB is refused", "BigData", onMemory(func(m *mutant) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if len(row.Data) > 1_000_000 {
					return store.Row{}, errors.New("packet too large")
				}
				return put(ctx, row)
			}
		})},
	})
}

func carryBugs() []seededBug {
	return []seededBug{
		{"Put returns the row as given, not as stored", "RoundTrip", onMemory(func(m *mutant) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				row.Version = got.Version
				return row, err
			}
		})},
		{"a Put without Data keeps the old Data", "RoundTrip", onMemory(func(m *mutant) {
			get := m.get
			m.put = keeping(m.put, get, func(row *store.Row, old store.Row) {
				if len(row.Data) == 0 {
					row.Data = old.Data
				}
			})
		})},
		{"a Put without Due keeps the old Due", "RoundTrip", onMemory(func(m *mutant) {
			m.put = keeping(m.put, m.get, func(row *store.Row, old store.Row) {
				if row.Due.IsZero() {
					row.Due = old.Due
				}
			})
		})},
		{"List leaves out Data", "RoundTrip", onMemory(func(m *mutant) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				page, err := list(ctx, q)
				for i := range page.Rows {
					page.Rows[i].Data = []byte{}
				}
				return page, err
			}
		})},
	}
}

// set stores a row as it is.
func (n *naive) set(row store.Row) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rows[row.Key] = row
}

// raw returns a row as it is, its memory included.
func (n *naive) raw(key store.Key) (store.Row, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	row, there := n.rows[key]
	return row, there
}

type putFunc = func(context.Context, store.Row) (store.Row, error)

// keeping is a put that carries something over from the row before.
func keeping(put putFunc, get func(context.Context, store.Key) (store.Row, error), keep func(row *store.Row, old store.Row)) putFunc {
	return func(ctx context.Context, row store.Row) (store.Row, error) {
		if old, err := get(ctx, row.Key); err == nil {
			keep(&row, old)
		}
		return put(ctx, row)
	}
}

// aliasBugs share memory with the caller.
func aliasBugs() []seededBug {
	return []seededBug{
		{"Get returns the Store's own memory", "NoAlias", onNaive(func(m *mutant, n *naive) {
			get := m.get
			m.get = func(ctx context.Context, key store.Key) (store.Row, error) {
				if row, there := n.raw(key); there && ctx.Err() == nil {
					return row, nil
				}
				return get(ctx, key)
			}
		})},
		{"List returns the Store's own memory", "NoAlias", onNaive(func(m *mutant, n *naive) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				page, err := list(ctx, q)
				for i, row := range page.Rows {
					page.Rows[i], _ = n.raw(row.Key)
				}
				return page, err
			}
		})},
		{"Put keeps its caller's Data", "NoAlias", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if err == nil && row.Data != nil {
					keep := copied(got)
					keep.Data = row.Data
					n.set(keep)
				}
				return got, err
			}
		})},
	}
}

func outputAliasBugs() []seededBug {
	return []seededBug{
		{"Put returns the Labels it keeps", "NoAlias", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if err == nil {
					n.set(got)
				}
				return got, err
			}
		})},
		{"Put sorts the Labels of its caller", "NoAlias", onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row { slices.Sort(r.Labels); return r })
		})},
		{"the rows of a page share one array", "NoAlias", onMemory(func(m *mutant) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				page, err := list(ctx, q)
				var all []byte
				for _, row := range page.Rows {
					all = append(all, row.Data...)
				}
				at := 0
				for i, row := range page.Rows {
					page.Rows[i].Data = all[at : at+len(row.Data)]
					at += len(row.Data)
				}
				return page, err
			}
		})},
	}
}

// dueValueBugs keep times otherwise.
func dueValueBugs() []seededBug {
	due := func(change func(time.Time) time.Time) Target {
		return onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row {
				if !r.Due.IsZero() {
					r.Due = change(r.Due)
				}
				return r
			})
		})
	}
	return []seededBug{
		{"Due is kept to the millisecond", "Times", due(func(t time.Time) time.Time { return t.Truncate(time.Millisecond) })},
		{"Due is kept to the second", "Times", due(func(t time.Time) time.Time { return time.Unix(t.Unix(), 0) })},
		{"Due is rounded to the nearest microsecond", "Times", due(func(t time.Time) time.Time { return t.Round(time.Microsecond) })},
		{"Due before 1970 is rounded towards the future", "Times", due(func(t time.Time) time.Time {
			if t.Unix() < 0 {
				return t.Add(999)
			}
			return t
		})},
		{"Due is kept in an int64 of nanoseconds", "Times", due(func(t time.Time) time.Time { return time.Unix(0, t.UnixNano()) })},
		{"Due is kept in 32 bits of seconds", "Times", due(func(t time.Time) time.Time {
			return time.Unix(int64(int32(t.Unix())), int64(t.Nanosecond()))
		})},
		{"Due loses its zone without being converted", "Times", due(func(t time.Time) time.Time {
			return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		})},
		{"Due comes back in the local zone", "Times", onMemory(func(m *mutant) {
			m.rows(func(r store.Row) store.Row { r.Due = r.Due.In(time.FixedZone("local", 3600)); return r })
		})},
		{"no Due comes back as 1970", "Times", onMemory(func(m *mutant) {
			m.rows(func(r store.Row) store.Row {
				if r.Due.IsZero() {
					r.Due = time.Unix(0, 0).UTC()
				}
				return r
			})
		})},
		{"a Due of exactly 1970 is taken for none", "Times", due(func(t time.Time) time.Time {
			if t.UnixMicro() == 0 {
				return time.Time{}
			}
			return t
		})},
		{"List hides rows that were due long ago", "Times", onMemory(func(m *mutant) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				page, err := list(ctx, q)
				page.Rows = slices.DeleteFunc(page.Rows, func(r store.Row) bool { return !r.Due.IsZero() && r.Due.Before(noon()) })
				return page, err
			}
		})},
	}
}
