// Package sqlite keeps a [store.Store] in one SQLite file, with no cgo and no
// server. It suits a program on one machine, in one process or in several that
// share the file.
//
//	st, err := sqlite.Open("tieline.db", sqlite.Options{})
//	if err != nil {
//		return err
//	}
//	defer st.Close()
//
// # Promises
//
// A write that returned nil survives the process and, with the default
// [Full], a power cut: a rotated refresh token that was acknowledged is on the
// disk. Every write is one SQL statement, so that there is nothing between old
// and new for a crash or an error to leave behind.
//
// A context ends a wait, for a connection or for the lock of another process,
// at once. It does not interrupt a Get, Put or Delete that has reached SQLite:
// that takes microseconds, and its outcome is then known. After an error of this
// package, or of package store or context, a write has not happened; after any
// other (an I/O error) the caller reads the row again to learn whether it has.
//
// # The file
//
// Open creates the file with mode 0600 when it is not there; the directory must
// be. SQLite gives the files beside it, with -wal and -shm at the end of their
// names, the same mode. All three belong together. An existing file keeps its
// mode: who can write it or its directory can replace what is stored, so keep
// both to the account of the program.
//
// While any process has the database open, do not open, copy, move or delete the
// three files by other means than SQLite. In particular, a program must not open
// them with [os.Open]: closing any descriptor of a file drops the locks that the
// whole process holds on it (POSIX fcntl), and two writers then overwrite each
// other without noticing. To copy a database, use VACUUM INTO, the .backup command
// of the sqlite3 shell, or the three files after every program was stopped.
//
// Network file systems lack the shared memory that the write-ahead log needs;
// Open refuses them where it can tell, see [Options].AllowNetworkFS.
//
// # Inside
//
// The file is in WAL mode: readers and the one writer do not wait for each other.
// The writers of a Store queue in the order they came, in front of a single
// connection; its readers share [Options].MaxReaders connections. So one Store
// for each file is best in a process, though several work, as several processes
// do. The schema has a version; Open brings an older one up to date and refuses a
// newer one.
package sqlite
