package store

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// place is a position in an ordered set: by due, then by the bytes of id.
type place struct {
	due int64 // microseconds since 1970; 0 in sets that order by id alone
	id  string
}

func (p place) compare(q place) int {
	if c := cmp.Compare(p.due, q.due); c != 0 {
		return c
	}
	return strings.Compare(p.id, q.id)
}

// ordered is a sorted set of rows: a sorted list of sorted chunks. An insertion
// moves at most one chunk and, when the chunk splits, the list of chunks; a
// million rows are some four thousand chunks. It does what a B-tree would at
// the sizes that fit in memory, in a tenth of the code. The zero value is empty.
type ordered struct {
	chunks [][]entry // none is empty
	size   int
}

type entry struct {
	place
	row *Row
}

// maxChunk is where a chunk splits: small enough to shift cheaply (16 KiB),
// large enough to keep the list of chunks short.
const maxChunk = 512

// find returns the chunk that p is in, or would be inserted into, its index in
// it, and whether it is there. There must be a chunk.
func (o *ordered) find(p place) (chunk, index int, found bool) {
	chunk, first := slices.BinarySearchFunc(o.chunks, p, func(c []entry, p place) int {
		return c[0].compare(p)
	})
	if !first && chunk > 0 {
		chunk-- // p is not the first of any chunk, so it belongs into the one before
	}
	index, found = slices.BinarySearchFunc(o.chunks[chunk], p, func(e entry, p place) int {
		return e.compare(p)
	})
	return chunk, index, found
}

// insert adds row at p. The place must be free.
func (o *ordered) insert(p place, row *Row) {
	o.size++
	if len(o.chunks) == 0 {
		o.chunks = [][]entry{{{p, row}}}
		return
	}
	c, i, _ := o.find(p)
	chunk := slices.Insert(o.chunks[c], i, entry{p, row})
	o.chunks[c] = chunk
	if len(chunk) <= maxChunk {
		return
	}
	half := len(chunk) / 2
	o.chunks[c] = slices.Clone(chunk[:half])
	o.chunks = slices.Insert(o.chunks, c+1, slices.Clone(chunk[half:]))
}

// remove takes what is at p out of the set. Chunks that shrink are not merged,
// only dropped when they are empty: sets of random IDs fill up again.
func (o *ordered) remove(p place) {
	if len(o.chunks) == 0 {
		return
	}
	c, i, found := o.find(p)
	if !found {
		return
	}
	o.size--
	o.chunks[c] = slices.Delete(o.chunks[c], i, i+1)
	if len(o.chunks[c]) == 0 {
		o.chunks = slices.Delete(o.chunks, c, c+1)
	}
}

// after yields the rows behind p in order.
func (o *ordered) after(p place) iter.Seq2[place, *Row] {
	return func(yield func(place, *Row) bool) {
		if len(o.chunks) == 0 {
			return
		}
		c, i, found := o.find(p)
		if found {
			i++
		}
		for ; c < len(o.chunks); c, i = c+1, 0 {
			for _, e := range o.chunks[c][i:] {
				if !yield(e.place, e.row) {
					return
				}
			}
		}
	}
}
