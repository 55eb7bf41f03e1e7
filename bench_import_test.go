package tieline

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkImport starts and ends a program that imports this package, beside
// one that imports net/http. Medians, because starting a process is noisy.
func BenchmarkImport(b *testing.B) {
	product := buildProgram(b, "github.com/tieline/tieline")
	floor := buildProgram(b, "net/http")
	var productTimes, floorTimes []time.Duration
	for b.Loop() {
		productTimes = append(productTimes, runProgram(b, product))
		floorTimes = append(floorTimes, runProgram(b, floor))
	}
	slices.Sort(productTimes)
	slices.Sort(floorTimes)
	p, f := productTimes[len(productTimes)/2], floorTimes[len(floorTimes)/2]
	b.ReportMetric(float64(p)/float64(f), "x/floor")
	b.ReportMetric(float64(f), "floor-ns/op")
	b.ReportMetric(float64(p), "median-ns/op")
}

func buildProgram(b *testing.B, imports string) string {
	b.Helper()
	dir := b.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\nimport _ \""+imports+"\"\nfunc main() {}\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	program := filepath.Join(dir, "program.exe")
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return program
}

func runProgram(b *testing.B, program string) time.Duration {
	b.Helper()
	start := time.Now()
	if err := exec.Command(program).Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
