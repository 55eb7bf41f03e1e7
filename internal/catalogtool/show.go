package catalogtool

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
)

// inspect returns the entries of files, by name, what of them is usable, and what is
// wrong with them.
func inspect(files []spec.File) (map[string]spec.Written, *spec.Set, []spec.Problem) {
	written := map[string]spec.Written{}
	set, problems := spec.Options{Inspect: func(w spec.Written) { written[w.Name] = w }}.Load(files...)
	return written, set, problems
}

// Show returns an entry of files with everything that it inherits, in the provider format,
// and a comment that says where it stands.
func Show(files []spec.File, name string) ([]byte, error) {
	written, _, problems := inspect(files)
	w, ok := written[name]
	if !ok {
		return nil, unknown(name, written, problems)
	}
	file, line, _ := w.Place("")
	comment := fmt.Sprintf("%s:%d", file, line)
	if w.Alias != "" {
		comment += ", an alias of " + w.Alias
	}
	return encodeEntry(name, valueOf(w.Provider), comment, nil)
}

// unknown is the error about a name that no entry has.
func unknown(name string, written map[string]spec.Written, problems []spec.Problem) error {
	for _, p := range problems {
		if p.Entry == name && p.Severity == spec.Rejected {
			return fmt.Errorf("%s cannot be read: %s", name, p)
		}
	}
	near := nearNames(name, sortedKeys(written))
	if len(near) == 0 {
		return fmt.Errorf("there is no entry %s", name)
	}
	return fmt.Errorf("there is no entry %s; there is %s", name, strings.Join(near, ", "))
}

// maxNear is how many names are suggested.
const maxNear = 5

// nearNames returns the names that are most like one that nobody has.
func nearNames(name string, names []string) []string {
	plain := strings.ToLower(name)
	distances := map[string]int{}
	for _, n := range names {
		d := distance(plain, n)
		if len(plain) > 2 && (strings.Contains(n, plain) || strings.Contains(plain, n) && len(n) > 3) {
			d = 1
		}
		if d <= max(1, min(3, len(plain)/3)) {
			distances[n] = d
		}
	}
	near := sortedKeys(distances)
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distances[a], distances[b]) })
	return near[:min(maxNear, len(near))]
}

// distance counts the letters to insert, remove or replace that make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0]
		row[0] = i + 1
		for j := range len(b) {
			same := above
			if a[i] != b[j] {
				same++
			}
			above = row[j+1]
			row[j+1] = min(same, above+1, row[j]+1)
		}
	}
	return row[len(b)]
}
