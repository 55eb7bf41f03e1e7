// Package queuetest checks that a [queue.Queue] keeps what that interface says.
//
//	func TestQueue(t *testing.T) {
//		queuetest.Run(t, func(t testing.TB) func(testing.TB) queue.Queue {
//			database := newDatabase(t)
//			return func(t testing.TB) queue.Queue { return open(t, database) }
//		})
//	}
//
// It takes as long as the queue does, and waits for half a minute for a wake-up that
// does not come. It is tested itself, against seeded bugs.
package queuetest
