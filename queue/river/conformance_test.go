package river

import "testing"

func TestQueue(t *testing.T) {
	t.Parallel()
	conforms(t, "pool_max_conns=4", Options{})
}

// Behind a pooler that shares sessions, nobody can listen, and nothing is prepared.
func TestQueuePollOnly(t *testing.T) {
	t.Parallel()
	conforms(t, "pool_max_conns=4&default_query_exec_mode=exec", Options{PollOnly: true})
}
