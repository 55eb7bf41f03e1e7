package tieline

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

// BenchmarkImport starts and ends a program that imports this package, beside
// one that imports net/http, and beside one with an empty built-in catalog.
// Medians, because starting a process is noisy. The sizes of the programs are
// those on disk, in bytes.
func BenchmarkImport(b *testing.B) {
	const library = `package main

import (
	"os"

	"github.com/tieline/tieline"
)

func main() {
	for _, name := range os.Args[1:] {
		tieline.Builtin().Get(name)
	}
}
`
	product := buildProgram(b, library, "")
	empty := buildProgram(b, library, emptyCatalog(b))
	floor := buildProgram(b, "package main\nimport _ \"net/http\"\nfunc main() {}\n", "")
	var times [3][]time.Duration
	for b.Loop() {
		for i, program := range []string{product, empty, floor} {
			times[i] = append(times[i], runProgram(b, program))
		}
	}
	var medians [3]float64
	for i := range times {
		slices.Sort(times[i])
		medians[i] = float64(times[i][len(times[i])/2])
	}
	b.ReportMetric(medians[0]/medians[2], "x/floor")
	b.ReportMetric(medians[0]/medians[1], "x/without-catalog")
	b.ReportMetric(medians[2], "floor-ns/op")
	b.ReportMetric(medians[0], "median-ns/op")
	b.ReportMetric(float64(sizeOf(b, product)-sizeOf(b, empty)), "catalog-bytes")
	b.ReportMetric(float64(sizeOf(b, product)), "program-bytes")
}

// emptyCatalog returns a file that tells the go command to build with a catalog
// that has nothing in it.
func emptyCatalog(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	nothing, overlay := filepath.Join(dir, "nothing"), filepath.Join(dir, "overlay.json")
	replace := map[string]string{}
	for _, name := range []string{"builtin.index", "builtin.pack"} {
		path, err := filepath.Abs(filepath.Join("catalog", name))
		if err != nil {
			b.Fatal(err)
		}
		replace[path] = nothing
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(nothing, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		b.Fatal(err)
	}
	return overlay
}

func buildProgram(b *testing.B, text, overlay string) string {
	b.Helper()
	dir := b.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	program := filepath.Join(dir, "program.exe")
	args := []string{"build", "-o", program}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if out, err := exec.Command("go", append(args, source)...).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return program
}

func sizeOf(b *testing.B, path string) int64 {
	b.Helper()
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

func runProgram(b *testing.B, program string) time.Duration {
	b.Helper()
	start := time.Now()
	if err := exec.Command(program).Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// BenchmarkFirstGet gets each built-in provider from a catalog that has not read it
// yet. A provider's time is the median of all rounds; the metrics are the median
// provider, and the slowest. Garbage is collected between rounds: a program that has
// just begun has none, and eight hundred first uses in a row make plenty.
func BenchmarkFirstGet(b *testing.B) {
	names := Builtin().Names()
	times := make([][]time.Duration, len(names))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for b.Loop() {
		runtime.GC()
		c := Builtin()
		for i, name := range names {
			start := time.Now()
			if _, err := c.Get(name); err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	medians := make([]time.Duration, len(names))
	slowest := 0
	for i, all := range times {
		slices.Sort(all)
		medians[i] = all[len(all)/2]
		if medians[i] > medians[slowest] {
			slowest = i
		}
	}
	b.Logf("%d providers; the slowest is %s", len(names), names[slowest])
	b.ReportMetric(float64(medians[slowest]), "slowest-ns")
	slices.Sort(medians)
	b.ReportMetric(float64(medians[len(medians)/2]), "median-ns")
}
