package kill

import (
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/database"
)

// Config says what is run.
type Config struct {
	Name    string // for the table
	Address database.Address
	// Server takes the database away. Nil, with SQLite: another process does that
	// which takes the write lock.
	Server Server

	Processes, Callers, Connections int
	Duration                        time.Duration
	Faults                          Faults

	Lifetime time.Duration // of access tokens
	Grace    time.Duration // of the forgiving provider, in whole seconds
	Delay    time.Duration // the most that a token endpoint takes before its commit, and after
	Policy   tieline.RefreshPolicy

	Naive bool // break compare-and-swap
}

// Faults say how often harm is done, on average. 0 means never.
type Faults struct {
	Kill    time.Duration
	Restart time.Duration // in order, with a drained Close

	Pause    time.Duration
	PauseFor time.Duration

	Outage               time.Duration // from the end of one to the next
	OutageMin, OutageMax time.Duration
}

// DefaultPolicy is one that is as quick as a busy machine allows.
//
// A take-over has to wait for SendWithin + Exchange + SaveTimeout and three
// pauses of 2/5 SaveTimeout: here 2.03 s of 2.1. Exchange is the one that must not
// be too short. The endpoint answers within a few milliseconds, but on a machine
// with more to do than it can, everything sometimes stands still for half a
// second; an answer that comes after Exchange is lost without a fault that
// explains it.
func DefaultPolicy() tieline.RefreshPolicy {
	return tieline.RefreshPolicy{
		SendWithin: 150 * time.Millisecond, Exchange: time.Second, SaveTimeout: 400 * time.Millisecond,
		TakeOver: 2100 * time.Millisecond, Confirm: 300 * time.Millisecond,
		RetryMin: 100 * time.Millisecond, RetryMax: time.Second,
	}
}

// Default is a run without faults of a size that two cores can bear.
func Default(name string, a database.Address, d time.Duration) Config {
	a.Busy = 200 * time.Millisecond
	return Config{
		Name: name, Address: a, Duration: d,
		Processes: 6, Callers: 5, Connections: 60,
		Lifetime: 2 * time.Second, Grace: 8 * time.Second, Delay: 10 * time.Millisecond,
		Policy: DefaultPolicy(),
	}
}

// Rules are what the judge goes by.
func (c Config) Rules() Rules {
	return Rules{
		SendWithin: c.Policy.SendWithin, Exchange: c.Policy.Exchange, TakeOver: c.Policy.TakeOver, Grace: c.Grace,
		// A try that fails, the longest pause, a try that does not.
		Save: 2*c.Policy.SaveTimeout + c.Policy.SaveTimeout*2/5,
		Late: time.Second,
	}
}
