package functions

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

type benchQuery struct {
	Limit  int      `json:"limit" minimum:"1" maximum:"100"`
	Cursor string   `json:"cursor,omitempty"`
	Fields []string `json:"fields"`
}

type benchContact struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email" format:"email"`
}

func benchList(_ context.Context, _ *Call, in benchQuery) ([]benchContact, error) {
	return []benchContact{{"1", "Ada", "ada@example.com"}, {"2", "Grace", "grace@example.com"}}, nil
}

// BenchmarkCall is what Call adds to calling the Go function itself with JSON decoded
// and encoded, as a caller would have to do.
func BenchmarkCall(b *testing.B) {
	w := newWorld(b, "alice")
	p := w.process(nil, Define("list", benchList, Options{}))
	input := []byte(`{"limit":10,"cursor":"abc","fields":["name","email"]}`)
	ctx := context.Background()
	direct := func() error {
		var in benchQuery
		if err := json.Unmarshal(input, &in); err != nil {
			return err
		}
		out, err := benchList(ctx, nil, in)
		if err != nil {
			return err
		}
		_, err = json.Marshal(out)
		return err
	}
	call := func() error {
		_, err := p.Call(ctx, at("alice"), "list", input)
		return err
	}
	get := func() error {
		_, err := w.Connections.Get(ctx, "crm", "alice")
		return err
	}
	n := 0
	keyed := func() error {
		n++
		_, err := p.CallWith(ctx, at("alice"), "list", input, RunOptions{IdempotencyKey: fmt.Sprint(n)})
		return err
	}
	b.Run("direct", func(b *testing.B) { loop(b, direct) })
	b.Run("Connections.Get", func(b *testing.B) { loop(b, get) })
	b.Run("Call", func(b *testing.B) {
		floor := measure(b, direct)
		b.ReportAllocs()
		loop(b, call)
		took := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
		b.ReportMetric((took-float64(floor.Nanoseconds()))/1000, "µs-over-direct")
	})
	b.Run("CallWith", func(b *testing.B) { loop(b, keyed) })
}

func loop(b *testing.B, f func() error) {
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
}

// measure is what one f takes, of many.
func measure(b *testing.B, f func() error) time.Duration {
	const n = 20000
	began := time.Now()
	for range n {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began) / n
}

// BenchmarkRuns is what a run costs from Start to its end, with Work in the same
// process.
func BenchmarkRuns(b *testing.B) {
	w := newWorld(b, "alice")
	left := make(chan struct{}, 1024)
	p := w.process(nil, Define("list", func(ctx context.Context, call *Call, in benchQuery) ([]benchContact, error) {
		defer func() { left <- struct{}{} }()
		return benchList(ctx, call, in)
	}, Options{})).work()
	input := []byte(`{"limit":10,"cursor":"abc","fields":["name","email"]}`)
	for b.Loop() {
		if _, err := p.Start(context.Background(), at("alice"), "list", input, RunOptions{}); err != nil {
			b.Fatal(err)
		}
		<-left
	}
}
