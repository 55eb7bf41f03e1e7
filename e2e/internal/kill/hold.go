package kill

import (
	"bufio"
	"context"
	"io"
)

// hold is the role of a process that takes a SQLite file's write lock when it is
// told to, and gives it back when it is told to.
func (a *actor) hold(in io.Reader) error {
	a.say("ready")
	var release func() error
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var err error
		if release == nil {
			release, err = a.Address.Hold(context.Background())
		} else {
			err = release()
			release = nil
		}
		if err != nil {
			return err
		}
		a.say("done")
	}
	if release != nil {
		return release()
	}
	return lines.Err()
}
