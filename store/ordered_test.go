package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// check reports what is wrong with the shape of the set.
func (o *ordered) check() error {
	n := 0
	var last *place
	for _, chunk := range o.chunks {
		if len(chunk) == 0 || len(chunk) > maxChunk {
			return fmt.Errorf("a chunk of %d", len(chunk))
		}
		for _, e := range chunk {
			if last != nil && last.compare(e.place) >= 0 {
				return fmt.Errorf("%v is not before %v", *last, e.place)
			}
			last = &e.place
			n++
		}
	}
	if n != o.size {
		return fmt.Errorf("size is %d with %d rows", o.size, n)
	}
	return nil
}

// A random walk against a sorted slice, through many splits and back to empty.
func TestOrdered(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 0))
			var o ordered
			var model []place
			for i := range 12_000 {
				growing := i < 6000
				p := place{due: rnd.Int64N(50) - 25, id: fmt.Sprint(rnd.IntN(1000))}
				at, there := slices.BinarySearchFunc(model, p, place.compare)
				switch {
				case !there && (growing || rnd.IntN(4) == 0):
					o.insert(p, &Row{})
					model = slices.Insert(model, at, p)
				case there && !growing:
					o.remove(p)
					model = slices.Delete(model, at, at+1)
				case !there:
					o.remove(p) // of nothing
				}
				if i%1000 == 0 {
					compareOrdered(t, &o, model, p)
				}
			}
			for _, p := range slices.Clone(model) {
				o.remove(p)
			}
			compareOrdered(t, &o, nil, place{})
			if len(o.chunks) != 0 {
				t.Errorf("an empty set has %d chunks", len(o.chunks))
			}
		})
	}
}

func compareOrdered(t *testing.T, o *ordered, model []place, from place) {
	t.Helper()
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	for _, from := range []place{{due: -100}, from, {due: from.due}, {due: 100}} {
		var got []place
		for p := range o.after(from) {
			got = append(got, p)
		}
		at, there := slices.BinarySearchFunc(model, from, place.compare)
		if there {
			at++
		}
		if !slices.Equal(got, model[at:]) {
			t.Fatalf("after %v: %d rows, want %d", from, len(got), len(model)-at)
		}
	}
}

func TestOrderedStopsWhenTold(t *testing.T) {
	t.Parallel()
	var o ordered
	for i := range 3 * maxChunk {
		o.insert(place{id: fmt.Sprintf("%05d", i)}, &Row{})
	}
	seen := 0
	for range o.after(place{}) {
		if seen++; seen == maxChunk+1 {
			break
		}
	}
	if seen != maxChunk+1 {
		t.Errorf("saw %d rows, want %d", seen, maxChunk+1)
	}
}
