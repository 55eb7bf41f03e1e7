package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/store"
)

// stored is the row that a Put of row stores: the contract in one function.
func stored(row store.Row) store.Row {
	row.Version++
	row.Labels = labelSet(row.Labels)
	row.Due = microseconds(row.Due)
	row.Data = append([]byte{}, row.Data...)
	return row
}

// labelSet sorts by bytes and drops repetitions; nothing is nil.
func labelSet(labels []string) []string {
	set := slices.Clone(labels)
	slices.Sort(set)
	set = slices.Compact(set)
	if len(set) == 0 {
		return nil
	}
	return set
}

// microseconds rounds towards the past: Truncate counts from the year 1, so
// for all times that a Store keeps down is towards the past.
func microseconds(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// diff says what differs between two rows, in the words of the contract, and
// is empty when nothing does.
func diff(got, want store.Row) string {
	var out []string
	differ := func(field string, got, want any) {
		out = append(out, fmt.Sprintf("%s is %v, want %v", field, got, want))
	}
	if got.Key != want.Key {
		differ("Key", showKey(got.Key), showKey(want.Key))
	}
	if got.Version != want.Version {
		differ("Version", got.Version, want.Version)
	}
	if got.Parent != want.Parent {
		differ("Parent", showKey(got.Parent), showKey(want.Parent))
	}
	if got.Unique != want.Unique {
		differ("Unique", quote(got.Unique), quote(want.Unique))
	}
	if !slices.Equal(got.Labels, want.Labels) || (got.Labels == nil) != (want.Labels == nil) {
		differ("Labels", fmt.Sprintf("%#v", got.Labels), fmt.Sprintf("%#v", want.Labels))
	}
	if d := diffDue(got.Due, want.Due); d != "" {
		out = append(out, d)
	}
	if got.Data == nil {
		out = append(out, "Data is nil")
	}
	if !bytes.Equal(got.Data, want.Data) {
		differ("Data", showData(got.Data), showData(want.Data))
	}
	return strings.Join(out, "; ")
}

// diffDue compares instants and, for what came from a Store, the zone.
func diffDue(got, want time.Time) string {
	switch {
	case !got.Equal(want):
		return fmt.Sprintf("Due is %v, want %v", got.Format(time.RFC3339Nano), want.Format(time.RFC3339Nano))
	case got.Location() != time.UTC:
		return fmt.Sprintf("Due is in the zone %v, want UTC", got.Location())
	}
	return ""
}

// diffRows compares two lists with their order.
func diffRows(got, want []store.Row) string {
	if d := diffIDs(got, idsOf(want)); d != "" {
		return d
	}
	for i := range want {
		if d := diff(got[i], want[i]); d != "" {
			return fmt.Sprintf("row %d, %s: %s", i, showKey(want[i].Key), d)
		}
	}
	return ""
}

func idsOf(rows []store.Row) []string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return ids
}

func diffIDs(got []store.Row, want []string) string {
	ids := idsOf(got)
	if slices.Equal(ids, want) {
		return ""
	}
	return fmt.Sprintf("%d rows %s, want %d rows %s", len(ids), quotes(ids), len(want), quotes(want))
}

func show(row store.Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s version %d", showKey(row.Key), row.Version)
	if row.Parent != (store.Key{}) {
		fmt.Fprintf(&b, " parent %s", showKey(row.Parent))
	}
	if row.Unique != "" {
		fmt.Fprintf(&b, " unique %s", quote(row.Unique))
	}
	if len(row.Labels) > 0 {
		fmt.Fprintf(&b, " labels %s", quotes(row.Labels))
	}
	if !row.Due.IsZero() {
		fmt.Fprintf(&b, " due %s", row.Due.Format(time.RFC3339Nano))
	}
	if len(row.Data) > 0 {
		fmt.Fprintf(&b, " data %s", showData(row.Data))
	}
	return b.String()
}

func showKey(key store.Key) string {
	if key == (store.Key{}) {
		return "none"
	}
	return quote(string(key.Kind)) + ":" + quote(key.ID)
}

func showQuery(q store.Query) string {
	out := "kind " + quote(string(q.Kind))
	if q.Parent != (store.Key{}) {
		out += " parent " + showKey(q.Parent)
	}
	if q.Unique != "" {
		out += " unique " + quote(q.Unique)
	}
	if len(q.Labels) > 0 {
		out += " labels " + quotes(q.Labels)
	}
	if !q.DueBefore.IsZero() {
		out += " due before " + q.DueBefore.Format(time.RFC3339Nano)
	}
	if q.After != "" {
		out += " after " + quote(q.After)
	}
	return fmt.Sprintf("%s limit %d", out, q.Limit)
}

// quote keeps composed and decomposed letters, and invisible ones, apart.
func quote(s string) string { return cut(fmt.Sprintf("%+q", s)) }

func quotes(ss []string) string {
	const enough = 30
	tail := ""
	if len(ss) > enough {
		ss, tail = ss[:enough], " ..."
	}
	return fmt.Sprintf("%+q", ss) + tail
}

func showData(data []byte) string {
	if len(data) > 80 {
		return fmt.Sprintf("of %d bytes", len(data))
	}
	return fmt.Sprintf("%q", data)
}

func cut(s string) string {
	if len(s) > 120 {
		return s[:120] + "..."
	}
	return s
}
