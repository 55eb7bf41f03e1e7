package queuetest

import "sync"

// counter counts by name.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func newCounter() *counter { return &counter{n: map[string]int{}} }

// add counts one more, and answers with how many there are of that name.
func (c *counter) add(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[name]++
	return c.n[name]
}

// different is how many names there are.
func (c *counter) different() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.n)
}

// total is how many there are of all names.
func (c *counter) total() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.n {
		n += k
	}
	return n
}
