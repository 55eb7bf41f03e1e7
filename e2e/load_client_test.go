package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// target is one request of the load, as it goes over the wire, and what has to be in
// the answer.
type target struct {
	request, want []byte
	mayBeGone     bool // 400 and 404 are right answers too
}

func newTarget(url, path, id string) target {
	host := strings.TrimPrefix(url, "http://")
	return target{
		request: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, host, serverKey),
		want:    fmt.Appendf(nil, `"connection_id":%q`, id),
	}
}

// load is what came of a phase.
type load struct {
	took    time.Duration
	cpu     time.Duration // of the server's process
	latency []time.Duration
	gone    int
	memory  []int64 // of the server's process, in bytes, every second
	failed  []string
}

func (l *load) rate() float64 { return float64(len(l.latency)) / l.took.Seconds() }

// perRequest is the processor time that the server takes for one.
func (l *load) perRequest() time.Duration { return l.cpu / time.Duration(max(1, len(l.latency))) }

func (l *load) quantile(q float64) time.Duration {
	if len(l.latency) == 0 {
		return 0
	}
	return l.latency[int(q*float64(len(l.latency)-1))]
}

// apply asks for targets at random over so many connections for a while.
func apply(ctx context.Context, pid int, targets []target, connections int, d time.Duration) *load {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	l := &load{}
	var mu sync.Mutex
	var all sync.WaitGroup
	began, _ := usage(pid)
	start := time.Now()
	for range connections {
		all.Go(func() {
			c := &loadCaller{}
			err := c.run(ctx, targets)
			mu.Lock()
			defer mu.Unlock()
			l.latency = append(l.latency, c.latency...)
			l.gone += c.gone
			if err != nil {
				l.failed = append(l.failed, err.Error())
			}
		})
	}
	all.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for ctx.Err() == nil {
			_, memory := usage(pid)
			l.memory = append(l.memory, memory)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	all.Wait()
	l.took = time.Since(start)
	ended, _ := usage(pid)
	l.cpu = ended - began
	slices.Sort(l.latency)
	return l
}

// loadCaller is one connection. It reads no more of an answer than it must, because it
// shares the processors with the server.
type loadCaller struct {
	latency []time.Duration
	gone    int
}

func (c *loadCaller) run(ctx context.Context, targets []target) error {
	_, rest, _ := bytes.Cut(targets[0].request, []byte("Host: "))
	host, _, _ := bytes.Cut(rest, []byte("\r\n"))
	conn, err := net.Dial("tcp", string(host))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReaderSize(conn, 16<<10)
	body := make([]byte, 64<<10)
	for ctx.Err() == nil {
		to := &targets[rand.IntN(len(targets))]
		began := time.Now()
		if err := conn.SetDeadline(began.Add(time.Minute)); err != nil {
			return err
		}
		if _, err := conn.Write(to.request); err != nil {
			return err
		}
		status, n, err := readAnswer(in, body)
		if err != nil {
			return err
		}
		c.latency = append(c.latency, time.Since(began))
		switch {
		case status == 200 && bytes.Contains(body[:n], to.want):
		case to.mayBeGone && (status == 400 || status == 404):
			c.gone++
		default:
			return fmt.Errorf("answered with %d %.300s", status, body[:n])
		}
	}
	return nil
}

// readAnswer reads an answer into body.
func readAnswer(in *bufio.Reader, body []byte) (status, n int, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("the answer begins with %q", line)
	}
	status, _ = strconv.Atoi(string(line[9:12]))
	length, chunked := -1, false
	for {
		line, err = in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked"))
	}
	for chunked {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil || n+int(size)+2 > len(body) {
			return 0, 0, fmt.Errorf("a chunk of %q", line)
		}
		if _, err := io.ReadFull(in, body[n:n+int(size)+2]); err != nil {
			return 0, 0, err
		}
		if n += int(size); size == 0 {
			return status, n, nil
		}
	}
	if length < 0 || length > len(body) {
		return 0, 0, errors.New("an answer without a length")
	}
	_, err = io.ReadFull(in, body[:length])
	return status, length, err
}

// usage is what a process has used: processor time, and memory in bytes. It is known on
// Linux only.
func usage(pid int) (cpu time.Duration, memory int64) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// proc_pid_stat(5): the fields follow the name, which may have anything in it. Times
	// are in hundredths of a second, memory in pages.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 22 {
		return 0, 0
	}
	number := func(n int) int64 {
		v, _ := strconv.ParseInt(fields[n], 10, 64)
		return v
	}
	return time.Duration(number(11)+number(12)) * 10 * time.Millisecond, number(21) * int64(os.Getpagesize())
}
