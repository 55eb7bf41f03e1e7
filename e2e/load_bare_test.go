package e2e

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"

	_ "modernc.org/sqlite"
)

// bare is the least that could do the work of GET /connections/{id}: a handler that
// looks up one row of SQLite by its name, decrypts it, and sends it.
type bare struct {
	File string
	Rows int
	Body string // of every row, with its name in place of bareName
}

const bareName = "NAME"

// serve is the role of a process. It says where it listens.
func (b bare) serve(in io.Reader, out io.Writer) error {
	db, err := sql.Open("sqlite", "file:"+b.File+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(runtime.GOMAXPROCS(0))
	db.SetMaxIdleConns(runtime.GOMAXPROCS(0))
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	if err := b.fill(db, seal); err != nil {
		return err
	}
	find, err := db.Prepare("SELECT data FROM rows WHERE name = ?")
	if err != nil {
		return err
	}
	defer func() { _ = find.Close() }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var data []byte
		err := find.QueryRowContext(r.Context(), r.URL.Path[1:]).Scan(&data)
		if err == nil {
			data, err = seal.Open(data[:0], nil, data, nil)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data)
	})}
	go func() { _ = server.Serve(listener) }()
	fmt.Fprintf(out, "ready\nhttp://%s\n", listener.Addr())
	_, _ = bufio.NewReader(in).ReadString('\n') // whoever started this process ends it
	return server.Close()
}

func (b bare) fill(db *sql.DB, seal cipher.AEAD) error {
	if _, err := db.Exec("CREATE TABLE rows (name TEXT NOT NULL UNIQUE, data BLOB NOT NULL) STRICT"); err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	for n := range b.Rows {
		name := fmt.Sprint("c-", n)
		data := seal.Seal(nil, nil, []byte(strings.ReplaceAll(b.Body, bareName, name)), nil)
		if _, err := tx.Exec("INSERT INTO rows VALUES (?, ?)", name, data); err != nil {
			return err
		}
	}
	return tx.Commit()
}
