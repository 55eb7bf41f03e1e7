// Package river carries wake-ups in a PostgreSQL database with River
// (https://riverqueue.com), between any number of processes and machines.
//
//	if err := river.Migrate(ctx, pool, river.Options{}); err != nil {
//		return err
//	}
//	q, err := river.New(pool, river.Options{})
//
// The Queue goes into [github.com/tieline/tieline/functions.Config] and into
// [github.com/tieline/tieline.Forward], the same one into both if both are wanted.
//
// The package is a module of its own, so that who does not use River does not
// download it.
//
// # What is in the database
//
// River's tables, in a schema of their own. An application that uses River itself
// keeps its jobs apart from these: whichever client of a schema leads there tidies up
// for all of them, and one that does not know wake-ups throws away those that got
// stuck.
//
// A wake-up is a job that names a row of the Store and a time, and nothing else: no
// credential, no payload, and no text of an error. It is deleted a minute or so after
// it was received.
//
// # When wake-ups come
//
// At once, if their time has come and somebody receives. Those with a time come
// within a second or so of it, or up to twenty seconds after it when the process that leads
// among those that receive was killed.
//
// One whose receiver fails comes again after a second, then more rarely, at least
// every minute, a hundred times. One whose process was killed comes again within two
// minutes, however long it would have taken: while a wake-up is being received, the
// process says so every 15 s. All of that is made up for by the sweeps of whoever
// receives, which a Queue makes rarer and not superfluous.
//
// # The pool
//
// It may be the one of the Store, and stays the caller's. Receive listens on one of its
// connections for as long as it runs, and wants a few others now and then. A pooler that
// shares sessions does not let anybody listen: see [Options.PollOnly].
package river
