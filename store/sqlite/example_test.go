package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/sqlite"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "tieline")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	st, err := sqlite.Open(filepath.Join(dir, "tieline.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()

	ctx := context.Background()
	row, err := st.Put(ctx, store.Row{
		Key:  store.Key{Kind: "note", ID: "n1"},
		Data: []byte("first"),
	})
	if err != nil {
		log.Fatal(err)
	}

	// Of two who change the same version, the second is told.
	mine, theirs := row, row
	mine.Data, theirs.Data = []byte("mine"), []byte("theirs")
	if _, err := st.Put(ctx, mine); err != nil {
		log.Fatal(err)
	}
	if _, err := st.Put(ctx, theirs); errors.Is(err, store.ErrConflict) {
		fmt.Println("somebody else was faster")
	}

	row, err = st.Get(ctx, row.Key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("version %d: %s\n", row.Version, row.Data)
	// Output:
	// somebody else was faster
	// version 2: mine
}

// A file that cannot be used is refused with an error that says why.
func ExampleOpen_refused() {
	dir, err := os.MkdirTemp("", "tieline")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(path, []byte("Some notes, and no database.\n"), 0o600); err != nil {
		log.Fatal(err)
	}

	_, err = sqlite.Open(path, sqlite.Options{})
	switch {
	case errors.Is(err, sqlite.ErrNotDatabase), errors.Is(err, sqlite.ErrForeign):
		fmt.Println("this file is something else")
	case errors.Is(err, sqlite.ErrCorrupt):
		fmt.Println("restore a backup")
	case errors.Is(err, sqlite.ErrNewerSchema):
		fmt.Println("update this program")
	}
	// Output:
	// this file is something else
}
