package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"

	"github.com/tieline/tieline"
)

// witness keeps everything that an application, its log files and whoever reads
// its disk get to see.
type witness struct {
	log    buffer
	values buffer // errors, events and what was returned, printed in every way
	events buffer
	disk   []byte // the database's files, at several times
}

// config makes a Client tell the witness everything.
func (w *witness) config(c *tieline.Config) {
	c.Logger = debugLogger(&w.log)
	c.OnEvent = func(_ context.Context, e tieline.Event) {
		fmt.Fprintln(&w.events, e.Type)
		w.see(e)
		w.see(e.Err)
	}
}

// see prints a value in the ways in which values get into logs.
func (w *witness) see(v any) {
	if v == nil {
		return
	}
	for _, format := range []string{"%v\n", "%+v\n", "%#v\n", "%s\n", "%q\n", "%x\n"} {
		fmt.Fprintf(&w.values, format, v)
	}
	if b, err := json.Marshal(v); err == nil {
		_, _ = w.values.Write(b)
	}
	debugLogger(&w.values).Info("value", "v", v)
	if err, ok := v.(error); ok {
		w.seeCauses(err)
	}
}

// seeCauses prints what is wrapped in an error.
func (w *witness) seeCauses(err error) {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		w.see(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			w.see(cause)
		}
	}
}

// seeDisk copies the database's files as they are at this moment.
func (w *witness) seeDisk(t *testing.T, s site) []byte {
	t.Helper()
	cmd := role{Play: "dump", Files: []string{s.DB.SQLite, s.DB.SQLite + "-wal", s.DB.SQLite + "-shm"}}.command(t)
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			t.Logf("%s", exit.Stderr)
		}
		t.Fatalf("copying the database: %v", err)
	}
	if !bytes.HasPrefix(out, []byte("SQLite format 3")) {
		t.Fatalf("%d bytes that are no database were copied", len(out))
	}
	w.disk = append(w.disk, out...)
	return out
}

// places are where to look.
func (w *witness) places() map[string][]byte {
	return map[string][]byte{"log": w.log.Bytes(), "values": w.values.Bytes(), "disk": w.disk}
}

// findings are the secrets that show, by their names and places.
func (w *witness) findings(secrets map[string][]byte) map[string]string {
	found := map[string]string{}
	for place, content := range w.places() {
		for name, secret := range secrets {
			if how := find(content, secret); how != "" {
				found[name+" in "+place] = how
			}
		}
	}
	return found
}

// secrets are all that existed in a world: those that passed the server, and
// those that never left.
func (w *world) secrets(own map[string]string) map[string][]byte {
	w.t.Helper()
	all := map[string][]byte{"client secret": []byte(w.server.ClientSecret), "encryption key": []byte(w.site.Key)}
	key, err := base64.StdEncoding.DecodeString(w.site.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	all["raw encryption key"] = key
	for i, s := range w.server.Referee.Secrets() {
		all[fmt.Sprintf("secret %d (%.7s)", i, s)] = []byte(s)
	}
	for name, s := range own {
		all[name] = []byte(s)
	}
	return all
}
