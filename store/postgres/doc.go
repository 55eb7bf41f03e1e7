// Package postgres keeps a [store.Store] in a PostgreSQL database. It suits a
// service that runs in many processes, on any number of machines.
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
//
// The package is a module of its own, so that who does not use PostgreSQL does
// not download pgx.
//
// # Promises
//
// Every call is one statement in autocommit, a second one where a write was
// refused and the reason has to be found. Nothing is held between calls, and no
// call needs two connections: a pool of one will do.
//
// A write that returned nil is on the disk of the server and survives its crash,
// whatever synchronous_commit the session has; where that is on or remote_apply
// and there are synchronous standbys, it waits for them as well. fsync must be
// on, which Open looks at. A failover to a standby that is not synchronous may
// forget the last writes, and nothing here can change that.
//
// A context ends a wait for a connection at once. A statement that was sent is
// given two seconds more, so that a read does not cost its connection and the
// outcome of a write is known. After an error of package store or an error of
// Postgres a write has not happened. When the connection is lost under a write,
// the Store finds out on another one whether the write took effect, and sends it
// again if not; each write carries a random ID for that, and takes effect at most
// once. Where it cannot be found out within five seconds, because the server is
// away or others have written the row since, the error is [ErrUncertain].
//
// Deadlocks and failed serialization are tried again for up to ten seconds, and
// so is, for a second, a call that got no connection.
//
// # The pool
//
// The pool is the application's, and may serve other purposes as well: the tables
// are in a schema of their own and are always called by their full names. Close of
// the Store does not close it. It has to lead to the primary; where there are
// several hosts, target_session_attrs=read-write finds it. A read from a standby
// that lags behind could spend a refresh token twice, so Open refuses one.
//
// All modes of execution of pgx work. Behind a pooler that shares sessions in
// transaction or statement mode, the default mode, which prepares statements,
// needs one that knows about them (pgbouncer 1.21 or newer with
// max_prepared_statements). Otherwise use default_query_exec_mode=exec in the
// address. Session settings, also those that a pooler passes on, do not matter.
//
// # The tables
//
// Open creates the tables, and brings older ones up to date, in one transaction.
// Many processes may do so at once. A step to a newer version only adds, so that
// processes of the version before go on working while a service is updated; a
// step that could not do so is refused by the older version's Open with
// [ErrNewerSchema].
//
// The role needs the right to create a schema once. To keep it from that, let
// another role open the Store first and grant USAGE on the schema, and SELECT,
// INSERT, UPDATE and DELETE on the tables in it. The language plpgsql, which every
// database has unless it was removed, and the encoding UTF8 are required.
//
// It uses nothing that PostgreSQL 13 does not have, and is tested with 15.
package postgres
