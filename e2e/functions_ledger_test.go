package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// attempt is one at an interval, as the function that makes it tells the provider.
type attempt struct {
	Mark       string // random
	Process    int
	Connection string
	From, To   time.Time
	Number     int   // of the attempt at this interval, from 1
	Loaded     int64 // the checkpoint that it goes on from, 0 for none

	Read  int64 // what the provider answered, and the function saves
	Saved bool  // it says that the checkpoint is saved
}

// charge is one execution of a run that was started.
type charge struct{ Mark, Run string }

// ledger is the provider that the functions of TestFunctionsKill call, with a counter
// for each connection. It is in the process of the test and writes down everything
// that it is told, so that nothing is forgotten when processes are killed.
type ledger struct {
	mu       sync.Mutex
	counts   map[string]int64
	attempts []*attempt // in the order in which they came
	byMark   map[string]*attempt
	accepted []string                   // runs
	charges  map[string]map[string]bool // marks, by run
	enough   bool                       // no more runs are to be started
	told     map[string]bool            // processes that were told so
}

func newLedger() *ledger {
	return &ledger{counts: map[string]int64{}, byMark: map[string]*attempt{}, charges: map[string]map[string]bool{}, told: map[string]bool{}}
}

func (l *ledger) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counter", func(rw http.ResponseWriter, r *http.Request) {
		var a attempt
		if err := json.Unmarshal([]byte(r.FormValue("attempt")), &a); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		n := l.begin(a)
		linger()
		_ = json.NewEncoder(rw).Encode(map[string]int64{"count": n})
	})
	mux.HandleFunc("POST /saved", func(_ http.ResponseWriter, r *http.Request) { l.saved(r.FormValue("mark")) })
	mux.HandleFunc("POST /accepted", func(rw http.ResponseWriter, r *http.Request) {
		if l.accept(r.FormValue("run"), r.FormValue("process")) {
			rw.WriteHeader(http.StatusGone)
		}
	})
	mux.HandleFunc("POST /charge", func(_ http.ResponseWriter, r *http.Request) {
		l.charge(charge{Mark: r.FormValue("mark"), Run: r.FormValue("run")})
		linger()
	})
	return mux
}

// linger takes as long as providers take, seldom long, so that there is much under way
// when a process is killed or stopped.
func linger() {
	most := 40 * time.Millisecond
	if rand.N(20) == 0 {
		most = takeOver
	}
	time.Sleep(rand.N(most))
}

// begin notes an attempt, and moves the counter of its connection. A request that is
// repeated on its way is one attempt.
func (l *ledger) begin(a attempt) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byMark[a.Mark]; known != nil {
		return known.Read
	}
	l.counts[a.Connection]++
	a.Read = l.counts[a.Connection]
	l.byMark[a.Mark] = &a
	l.attempts = append(l.attempts, &a)
	return a.Read
}

func (l *ledger) saved(mark string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.byMark[mark]; a != nil {
		a.Saved = true
	}
}

// accept notes a run whose Start returned nil, and says whether it is enough.
func (l *ledger) accept(run, process string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = append(l.accepted, run)
	if l.enough {
		l.told[process] = true
	}
	return l.enough
}

// ended asks for no more runs, and reports whether so many processes know.
func (l *ledger) ended(processes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enough = true
	return len(l.told) == processes
}

func (l *ledger) charge(c charge) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.charges[c.Run] == nil {
		l.charges[c.Run] = map[string]bool{}
	}
	l.charges[c.Run][c.Mark] = true
}

// tell writes what was told until now into a history.
func (l *ledger) tell(h *chronicle) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.attempts {
		h.track(a.Connection).attempts = append(h.track(a.Connection).attempts, *a)
	}
	h.accepted = append(h.accepted, l.accepted...)
	for run, marks := range l.charges {
		h.charges[run] = len(marks)
	}
}
