package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	loadRows        = 1000
	loadConnections = 64
	loadProvider    = "load:\n  display_name: Load\n  docs: https://example.com\n  auth_mode: OAUTH2\n" +
		"  authorization_url: https://example.com/authorize\n  token_url: https://example.com/token\n  proxy: {base_url: https://example.com}\n"
)

// How examples/server on SQLite serves GET /connections/{id}, next to a bare handler,
// and while integrations are renamed and connections deleted. TIELINE_E2E_LOAD is how
// long each of the phases takes ("30s"). Nothing fails because it is slow.
func TestLoad(t *testing.T) {
	text := os.Getenv("TIELINE_E2E_LOAD")
	if text == "" {
		t.Skip("TIELINE_E2E_LOAD is not set")
	}
	phase, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	w := &loadWorld{t: t, server: startServer(t, loadProvider, log)}
	w.fill()
	floor, end := w.bare()
	defer end()
	pid := w.server.cmd.Process.Pid
	w.phase("warm", pid, w.targets, phase/6)
	first := w.phase("bare handler", floor.pid, floor.targets, phase/2)
	read := w.phase("GET connection", pid, w.targets, phase)
	second := w.phase("bare handler", floor.pid, floor.targets, phase/2)
	changed := w.whileChanging(pid, phase)
	for name, l := range map[string]*load{"GET connection": read, "while changing": changed} {
		t.Logf("%s: %.0f %% of the bare handler's throughput, %.0f %% by processor time", name,
			100*l.rate()*2/(first.rate()+second.rate()), 100*float64(first.perRequest()+second.perRequest())/2/float64(l.perRequest()))
	}
}

// loadWorld is a server with connections.
type loadWorld struct {
	t       *testing.T
	server  *serverProcess
	targets []target
}

// phase applies load, and prints what came of it.
func (w *loadWorld) phase(name string, pid int, targets []target, d time.Duration) *load {
	w.t.Helper()
	l := apply(w.t.Context(), pid, targets, loadConnections, d)
	last := len(l.memory) - 1
	w.t.Logf("%-16s %6.0f requests/s, p50 %5.1f ms, p99 %5.1f ms, %3d µs of processor each; memory %d to %d MiB; %d errors, %d gone", name,
		l.rate(), ms(l.quantile(0.5)), ms(l.quantile(0.99)), l.perRequest().Microseconds(), l.memory[last/3]>>20, l.memory[last]>>20, len(l.failed), l.gone)
	for _, failed := range l.failed {
		w.t.Errorf("%s: %s", name, failed)
	}
	if grown := l.memory[last] - l.memory[last/3]; grown > 64<<20 {
		w.t.Errorf("%s: the server grew by %d MiB", name, grown>>20)
	}
	return l
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// floor is a process with the bare handler.
type floor struct {
	pid     int
	targets []target
}

func (w *loadWorld) bare() (floor, func()) {
	_, body := w.call("GET", "/connections/c-0?provider_config_key=load", nil)
	r := role{Play: "bare", Bare: bare{
		File: filepath.Join(w.t.TempDir(), "bare.db"), Rows: loadRows, Body: strings.ReplaceAll(string(body), "c-0", bareName),
	}}
	a := r.enlist(w.t)
	url, err := a.stdout.ReadString('\n')
	if err != nil {
		w.t.Fatal(err)
	}
	f := floor{pid: a.cmd.Process.Pid}
	for n := range loadRows {
		id := fmt.Sprint("c-", n)
		f.targets = append(f.targets, newTarget(strings.TrimSpace(url), "/"+id, id))
	}
	return f, func() {
		_ = a.stdin.Close()
		if err := a.cmd.Wait(); err != nil {
			w.t.Errorf("the bare handler ended with %v: %s", err, a.stderr.Bytes())
		}
	}
}

// call makes a request that is not part of the load.
func (w *loadWorld) call(method, path string, body any) (int, []byte) {
	data, err := json.Marshal(body)
	if err != nil {
		w.t.Error(err)
		return 0, nil
	}
	req, err := http.NewRequest(method, w.server.url+path, bytes.NewReader(data))
	if err != nil {
		w.t.Error(err)
		return 0, nil
	}
	req.Header.Set("Authorization", "Bearer "+serverKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Error(err)
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 {
		w.t.Errorf("%s %s: %d %.300s, %v", method, path, resp.StatusCode, answer, err)
	}
	return resp.StatusCode, answer
}

// fill makes the connections, whose tokens are good for a day.
func (w *loadWorld) fill() {
	w.t.Cleanup(http.DefaultClient.CloseIdleConnections)
	w.integration("load")
	for n := range loadRows {
		w.connection("load", fmt.Sprint("c-", n))
	}
	for n := range loadRows {
		id := fmt.Sprint("c-", n)
		w.targets = append(w.targets, newTarget(w.server.url, "/connections/"+id+"?provider_config_key=load", id))
	}
}

func (w *loadWorld) integration(key string) {
	app := map[string]any{"type": "OAUTH2", "client_id": "id", "client_secret": "secret"}
	w.call("POST", "/integrations", map[string]any{"provider": "load", "unique_key": key, "credentials": app})
}

func (w *loadWorld) connection(key, id string) {
	w.call("POST", "/connections", map[string]any{"provider_config_key": key, "connection_id": id, "credentials": map[string]any{
		"type": "OAUTH2", "access_token": strings.Repeat("a", 400), "refresh_token": strings.Repeat("r", 100),
		"expires_at": time.Now().Add(24 * time.Hour).Format(time.RFC3339),
	}})
}

// whileChanging applies load while other integrations are renamed there and back, and
// other connections deleted and made again. One request in eleven is for one of those.
func (w *loadWorld) whileChanging(pid int, d time.Duration) *load {
	const others = 10
	targets := w.targets
	for n := range others {
		key, id := fmt.Sprint("other-", n), fmt.Sprint("d-", n)
		w.integration(key)
		w.connection(key, "there")
		w.connection("load", id)
		for range loadRows / others / 20 {
			for _, one := range []target{
				newTarget(w.server.url, "/connections/there?provider_config_key="+key, "there"),
				newTarget(w.server.url, "/connections/"+id+"?provider_config_key=load", id),
			} {
				one.mayBeGone = true
				targets = append(targets, one)
			}
		}
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	var renamed, deleted int
	var changes sync.WaitGroup
	changes.Go(func() {
		for ; ctx.Err() == nil; renamed += 2 {
			key := fmt.Sprint("other-", renamed/2%others)
			w.call("PATCH", "/integrations/"+key, map[string]any{"unique_key": key + "-b"})
			w.call("PATCH", "/integrations/"+key+"-b", map[string]any{"unique_key": key})
		}
	})
	changes.Go(func() {
		for ; ctx.Err() == nil; deleted++ {
			id := fmt.Sprint("d-", deleted%others)
			w.call("DELETE", "/connections/"+id+"?provider_config_key=load", nil)
			w.connection("load", id)
		}
	})
	l := w.phase("while changing", pid, targets, d)
	cancel()
	changes.Wait()
	w.t.Logf("meanwhile %d integrations were renamed and %d connections deleted and made again", renamed, deleted)
	if l.gone == 0 || renamed == 0 || deleted == 0 {
		w.t.Error("nothing was changed")
	}
	return l
}
