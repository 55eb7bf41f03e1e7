// Package storetest says when an implementation of [store.Store] is finished.
//
// [Run] checks every sentence of the contract, each as a subtest of its own:
// what comes back from a round trip, who wins a race, what a page is when the
// table changes, what is left of a call that was interrupted or of a process
// that was killed. [Rules] lists the sentences. An implementer writes one test,
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Target{
//			New:  func(t testing.TB) string { return filepath.Join(t.TempDir(), "db") },
//			Open: func(t testing.TB, addr string) store.Store {
//				s, err := mystore.Open(addr)
//				if err != nil {
//					t.Fatal(err)
//				}
//				t.Cleanup(func() { s.Close() })
//				return s
//			},
//		})
//	}
//
// and is done when it passes, also with -race. New makes an empty database for
// each rule, so that rules run in parallel and nothing has to be cleaned up
// between them; for a database server that is a schema or a database of its
// own, named in the address. Open is called several times for one address,
// because two handles on one database, in one process or in several, are where
// the interesting bugs are. The other processes are the same test binary,
// started again by Run.
//
// Everything is required unless Target.Lacks gives a reason why not. A pool of
// connections is worth a second target with the pool limited to one.
//
// [Bench] measures the calls that Tieline makes most. [Faulty] is for tests of
// what is built above a Store: it loses calls to it.
//
// The rules may grow in a minor release, when a bug was found that they had
// let pass. They never ask for more than the contract at [store.Store].
package storetest
