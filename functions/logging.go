package functions

import (
	"log/slog"

	"github.com/tieline/tieline/queue"
)

// The keys of everything that this package logs. They and their meaning stay.
// docs/functions.md lists them, and a test reads the list.
const (
	keyFunction    = "function"    // its name
	keyIntegration = "integration" // its key
	keyConnection  = "connection"  // its ID
	keyRun         = "run"         // its ID, or that of a schedule
	keyRow         = "row"         // the ID of a row that cannot be read
	keyKind        = "kind"        // the Kind of a failure
	keyAttempt     = "attempt"     // from 1
	keyError       = "error"       // the text of an error
	keyStack       = "stack"       // of a panic; never its value
)

func errorAttr(err error) slog.Attr { return slog.String(keyError, err.Error()) }

// attrs name a row in a record, before more.
func (e entry) attrs(more ...slog.Attr) []slog.Attr {
	if e.rec == nil {
		return append([]slog.Attr{slog.String(keyRow, e.row.ID)}, more...)
	}
	return append([]slog.Attr{
		slog.String(keyFunction, e.rec.Name), slog.String(keyIntegration, e.rec.Integration),
		slog.String(keyConnection, e.rec.Connection), slog.String(keyRun, e.row.ID),
	}, more...)
}

func newWake(e entry) queue.Wake {
	return queue.Wake{Kind: string(e.row.Kind), ID: e.row.ID, At: e.row.Due}
}

// once reports whether it is asked for the first time. It forgets before it grows
// large.
func (f *Functions) once(what string) bool {
	f.dmu.Lock()
	defer f.dmu.Unlock()
	if f.told[what] {
		return false
	}
	if len(f.told) >= 1024 {
		clear(f.told)
	}
	f.told[what] = true
	return true
}
