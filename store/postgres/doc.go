// Package postgres keeps a [store.Store] in a schema of a PostgreSQL database. It
// suits programs on several machines, and those that have a database already.
//
//	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
//	if err != nil {
//		return err
//	}
//	defer pool.Close()
//	st, err := postgres.Open(ctx, pool, postgres.Options{})
//	if err != nil {
//		return err
//	}
//	defer st.Close()
//
// # Promises
//
// A write that returned nil survives the process and a crash of the server; where
// the session's synchronous_commit says otherwise, each write overrules it. Every
// call is one statement in a transaction of its own, or a few of them, so it works
// behind a pooler in transaction or statement mode and with a pool of one
// connection, and nothing is ever held between calls.
//
// A write that was sent is not given up at once when its context is done: it has
// two more seconds to be answered, so that its outcome is known nearly always. When
// the connection breaks before the answer, the write is sent again on another: it
// names the version that it replaces and carries a random mark, so it takes effect
// once, and what is found in the row tells whether it had. Only an error of this
// package, or of package store, means that nothing was changed; after any other the
// caller reads the row again.
//
// Reads go where the pool goes: give it the primary. A standby is refused by Open.
//
// # Poolers
//
// pgx prepares the statements it sends. Behind a pooler in transaction mode that
// does not follow prepared statements (PgBouncer before 1.21, or with
// max_prepared_statements at 0), set default_query_exec_mode=exec in the pool's
// connection string.
//
// # The schema
//
// Open creates its schema and brings an older one up to date, in one transaction
// behind an advisory lock, so any number of processes may start at once. When
// nothing is to be done, it needs no right to change schemas. Migrations only add:
// a program of an older version works on a newer schema, unless that says
// otherwise, and then Open fails with [ErrNewerSchema]. The search path is neither
// used nor changed.
package postgres
