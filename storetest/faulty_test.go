package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tieline/tieline/store"
)

// ExampleFaulty shows what a caller has to expect of any database: a write
// whose answer is lost has happened all the same.
func ExampleFaulty() {
	ctx := context.Background()
	key := store.Key{Kind: "connection", ID: "c1"}
	lost := errors.New("connection reset")

	s := Faulty(new(store.Memory), nil, func(op string, key store.Key) error {
		if op == "Put" {
			return lost
		}
		return nil
	})
	_, err := s.Put(ctx, store.Row{Key: key})
	fmt.Println("Put:", err)
	row, err := s.Get(ctx, key)
	fmt.Println("Get: version", row.Version, err)
	// Output:
	// Put: connection reset
	// Get: version 1 <nil>
}

// fourFaces are Stores with and without each optional method.
func fourFaces() map[string]store.Store {
	type closing struct {
		store.Store
		closer
	}
	m := new(store.Memory)
	return map[string]store.Store{
		"plain":         hidden{m},
		"paths":         pathsOnly{m, m},
		"closing":       closing{hidden{m}, m},
		"paths, closer": m,
	}
}

type pathsOnly struct {
	store.Store
	store.PathGetter
}

func TestFaultyHasTheSameMethods(t *testing.T) {
	t.Parallel()
	for name, s := range fourFaces() {
		f := Faulty(s, nil, nil)
		_, hasPaths := s.(store.PathGetter)
		if _, has := f.(store.PathGetter); has != hasPaths {
			t.Errorf("%s: Faulty has GetPath: %t, its Store: %t", name, has, hasPaths)
		}
		_, hasClose := s.(closer)
		if _, has := f.(closer); has != hasClose {
			t.Errorf("%s: Faulty has Close: %t, its Store: %t", name, has, hasClose)
		}
	}
}

// allCalls makes each call once, and returns the errors by op.
func allCalls(s store.Store) map[string]error {
	ctx := context.Background()
	errs := map[string]error{}
	_, errs["Put"] = s.Put(ctx, store.Row{Key: itemKey("new")})
	_, errs["Get"] = s.Get(ctx, itemKey("there"))
	_, errs["List"] = s.List(ctx, store.Query{Kind: item})
	_, errs["GetPath"] = s.(store.PathGetter).GetPath(ctx, folder, "folder", item, "name")
	errs["Delete"] = s.Delete(ctx, itemKey("doomed"), 1)
	return errs
}

func faultyMemory(t *testing.T) *store.Memory {
	t.Helper()
	m := new(store.Memory)
	parent := folderKey("f")
	for _, row := range []store.Row{
		{Key: parent, Unique: "folder"},
		{Key: itemKey("there"), Parent: parent, Unique: store.JoinPath("f", "name")},
		{Key: itemKey("doomed")},
	} {
		if _, err := m.Put(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestFaultyNames(t *testing.T) {
	t.Parallel()
	var before, after []string
	record := func(calls *[]string) func(string, store.Key) error {
		return func(op string, key store.Key) error {
			*calls = append(*calls, op+" "+string(key.Kind)+":"+key.ID)
			return nil
		}
	}
	for op, err := range allCalls(Faulty(faultyMemory(t), record(&before), record(&after))) {
		if err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	want := []string{"Put item:new", "Get item:there", "List item:", "GetPath item:name", "Delete item:doomed"}
	if !slices.Equal(before, want) || !slices.Equal(after, want) {
		t.Errorf("before was asked about %q, after about %q, want %q", before, after, want)
	}
}

func TestFaultyBefore(t *testing.T) {
	t.Parallel()
	m, lost := faultyMemory(t), errors.New("lost")
	s := Faulty(m, func(string, store.Key) error { return lost }, func(op string, _ store.Key) error {
		t.Errorf("after was asked about a %s that was not made", op)
		return nil
	})
	for op, err := range allCalls(s) {
		if err != lost {
			t.Errorf("%s: %v, want the error of before", op, err)
		}
	}
	wantRows(t, m, "doomed", "there")
}

func TestFaultyAfter(t *testing.T) {
	t.Parallel()
	m, lost := faultyMemory(t), errors.New("lost")
	s := Faulty(m, nil, func(string, store.Key) error { return lost })
	for op, err := range allCalls(s) {
		if err != lost {
			t.Errorf("%s: %v, want the error of after", op, err)
		}
	}
	wantRows(t, m, "new", "there")
	// It also replaces an error, and leaves it alone when it has none.
	if _, err := s.Get(t.Context(), itemKey("none")); err != lost {
		t.Errorf("Get of nothing: %v, want the error of after", err)
	}
	if _, err := Faulty(m, nil, nil).Get(t.Context(), itemKey("none")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of nothing: %v, want %v", err, store.ErrNotFound)
	}
	if err := s.(closer).Close(); err != nil {
		t.Errorf("Close: %v, want it to pass", err)
	}
	if _, err := m.Get(t.Context(), itemKey("there")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Get after Close: %v, want %v", err, store.ErrClosed)
	}
}

func wantRows(t *testing.T, s store.Store, want ...string) {
	t.Helper()
	page, err := s.List(t.Context(), store.Query{Kind: item})
	if err != nil {
		t.Fatal(err)
	}
	if d := diffIDs(page.Rows, want); d != "" {
		t.Errorf("the Store has %s", d)
	}
}

// TestFaultyConforms: a Faulty that never interferes is a Store like the one
// in it.
func TestFaultyConforms(t *testing.T) {
	t.Parallel()
	target := inMemory(func() store.Store { return Faulty(new(store.Memory), nil, nil) })
	target.quick = true
	Run(t, target)
}
