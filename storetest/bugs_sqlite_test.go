package storetest

import (
	"database/sql"
	"testing"

	"github.com/tieline/tieline/store/sqlite"
)

// sqliteBugs are faults in the schema that store/sqlite relies on, made
// through another handle on its file.
func sqliteBugs() []seededBug {
	return []seededBug{
		{"sqlite: the index of Unique is missing", "Unique", damaged(`DROP INDEX record_unique`)},
		{"sqlite: the index of Unique ignores case", "OddKeys", damaged(`DROP INDEX record_unique;
			CREATE UNIQUE INDEX record_unique ON record (kind, unique_name COLLATE NOCASE) WHERE unique_name IS NOT NULL`)},
		{"sqlite: labels of new rows are not indexed", "Labels", damaged(`DROP TRIGGER record_insert`)},
		{"sqlite: labels that change are not indexed", "Labels", damaged(`DROP TRIGGER record_update`)},
		{"sqlite: the version counts twice", "Versions", damaged(`CREATE TRIGGER bug AFTER UPDATE ON record
			BEGIN UPDATE record SET version = version + 1 WHERE number = new.number; END`)},
		{"sqlite: an update reaches other kinds", "RoundTrip", damaged(`CREATE TRIGGER bug AFTER UPDATE ON record
			BEGIN UPDATE record SET data = new.data WHERE id = new.id AND kind <> new.kind; END`)},
		{"sqlite: an update reaches the next row", "CompareAndSwap", damaged(`CREATE TRIGGER bug AFTER UPDATE ON record
			BEGIN UPDATE record SET data = new.data WHERE kind = new.kind AND id < new.id; END`)},
		{"sqlite: due is kept to the millisecond", "Times", damaged(`CREATE TRIGGER bug AFTER INSERT ON record
			BEGIN UPDATE record SET due = due / 1000 * 1000 WHERE number = new.number; END`)},
		{"sqlite: data is cut at 64 KiB", "BigData", damaged(`CREATE TRIGGER bug AFTER INSERT ON record
			BEGIN UPDATE record SET data = substr(data, 1, 65536) WHERE number = new.number; END`)},
		{"sqlite: a delete takes one level more", "Cascade", damaged(`CREATE TRIGGER bug AFTER DELETE ON record WHEN old.parent_id IS NULL
			BEGIN DELETE FROM record WHERE parent_kind <> old.kind AND parent_id = old.id; END`)},
	}
}

// damaged is a target on store/sqlite whose files have been altered.
func damaged(statements string) Target {
	target := inFile()
	fresh := target.New
	target.New = func(t testing.TB) string {
		addr := fresh(t)
		s, err := sqlite.Open(addr, sqlite.Options{Synchronous: sqlite.Normal})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statements); err != nil {
			t.Fatal(err)
		}
		return addr
	}
	return target
}
