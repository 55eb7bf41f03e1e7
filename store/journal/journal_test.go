package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// childVar makes the test binary a process that appends an entry and waits.
const childVar = "TIELINE_JOURNAL_CHILD"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(childVar); ok {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

func child(dir string) int {
	d, err := Open(dir)
	if err == nil {
		err = d.Append(context.Background(), entry("child", 1))
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return 0
}

func entry(row string, fence int64) Entry {
	return Entry{Row: row, Fence: fence, Data: []byte(fmt.Sprint("sealed ", row, fence))}
}

func open(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func (d *Dir) mustAppend(t *testing.T, e ...Entry) {
	t.Helper()
	for _, e := range e {
		if err := d.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *Dir) wantEntries(t *testing.T, want ...Entry) {
	t.Helper()
	got, err := d.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]Entry{}, want...), got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestEntries(t *testing.T) {
	t.Parallel()
	d := open(t, filepath.Join(t.TempDir(), "deep", "journal"))
	d.wantEntries(t)
	d.mustAppend(t, entry("b", 2), entry("a", 9), entry("b", 10), entry("b", 2))
	d.wantEntries(t, entry("a", 9), entry("b", 2), entry("b", 10))
	newer := Entry{Row: "a", Fence: 9, Data: []byte("sealed again")}
	d.mustAppend(t, newer)
	d.wantEntries(t, newer, entry("b", 2), entry("b", 10))
	for _, e := range []Entry{entry("b", 2), entry("unknown", 1)} {
		if err := d.Drop(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	d.wantEntries(t, newer, entry("b", 10))
}

// Nobody shares memory with the journal.
func TestEntriesAreCopies(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	e := entry("a", 1)
	d.mustAppend(t, e)
	e.Data[0] = '!'
	got, err := d.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got[0].Data[1] = '!'
	d.wantEntries(t, entry("a", 1))
}

// What one process leaves is found by the next, and is in one file only then.
func TestReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for n := range int64(3) {
		d := open(t, dir)
		d.mustAppend(t, entry("a", n))
		if n == 2 {
			if err := d.Drop(t.Context(), entry("a", 1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, dir)
	d.wantEntries(t, entry("a", 0), entry("a", 2))
	if files := files(t, dir); len(files) != 1 {
		t.Errorf("files %v", files)
	}
}

// An empty journal leaves nothing behind.
func TestCloseRemovesAnEmptyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := open(t, dir)
	d.mustAppend(t, entry("a", 1))
	if err := d.Drop(t.Context(), entry("a", 1)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if files := files(t, dir); len(files) != 0 {
		t.Errorf("files %v", files)
	}
	for op, err := range map[string]error{
		"append": d.Append(t.Context(), entry("a", 1)), "drop": d.Drop(t.Context(), entry("a", 1)),
		"entries": func() error { _, err := d.Entries(t.Context()); return err }(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s of a closed journal = %v", op, err)
		}
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// A process that is alive keeps its file, and others see its entries; of one
// that was killed they are taken over.
func TestProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childVar+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	d := open(t, dir)
	d.mustAppend(t, entry("mine", 1))
	d.wantEntries(t, entry("child", 1), entry("mine", 1))
	if err := d.Drop(t.Context(), entry("child", 1)); err != nil {
		t.Fatal(err)
	}
	d.wantEntries(t, entry("child", 1), entry("mine", 1))
	if n := len(files(t, dir)); n != 2 {
		t.Errorf("%d files while both are alive", n)
	}

	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	d.wantEntries(t, entry("child", 1), entry("mine", 1))
	if err := d.Drop(t.Context(), entry("child", 1)); err != nil {
		t.Fatal(err)
	}
	d.wantEntries(t, entry("mine", 1))
	if n := len(files(t, dir)); n != 1 && runtime.GOOS != "plan9" {
		t.Errorf("%d files are left", n)
	}
}

// Whatever a crash leaves of the last record, the ones before it are read.
func TestTornRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := open(t, dir)
	d.mustAppend(t, entry("a", 1))
	first := d.offset
	d.mustAppend(t, entry("b", 2))
	end := d.offset
	name := d.name
	d.file.Close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := first; at < end; at++ {
		torn := append([]byte{}, whole[:at]...)
		torn = append(torn, make([]byte, len(whole)-int(at))...)
		other := t.TempDir()
		if err := os.WriteFile(filepath.Join(other, "x"+suffix), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(other)
		if err != nil {
			t.Fatalf("torn at %d: %v", at, err)
		}
		d.wantEntries(t, entry("a", 1))
		_ = d.Close()
	}
}

func TestForeignFiles(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"another": strings.Repeat("something else", 100), "newer": "tieline9" + strings.Repeat("x", 100)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x"+suffix), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errors.Is(err, errForeign) {
			t.Errorf("%s: Open = %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "x"+suffix)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"empty" + suffix: "", "begun" + suffix: "tie", "notes.txt": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir).wantEntries(t)
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Error(err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// Many processes, here handles, open at once: none may take another's file for
// one of a process that is gone.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	handles := make([]*Dir, 16)
	for i := range handles {
		wg.Go(func() {
			d, err := Open(dir)
			if err == nil {
				err = d.Append(t.Context(), entry(fmt.Sprintf("row-%02d", i), 1))
			}
			if err != nil {
				t.Error(err)
			}
			handles[i] = d
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, d := range handles {
		if got, err := d.Entries(t.Context()); err != nil || len(got) != len(handles) {
			t.Errorf("%d entries, %v", len(got), err)
		}
		defer d.Close()
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Append(ctx, entry("a", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Append = %v", err)
	}
	d.wantEntries(t)
}

// After many entries that came and went the file is as large as before.
func TestSize(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	for n := range int64(500) {
		e := Entry{Row: "a", Fence: n, Data: make([]byte, 2000)}
		d.mustAppend(t, e)
		if err := d.Drop(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(d.name)
	if err != nil || info.Size() != reserved {
		t.Errorf("size %d, %v", info.Size(), err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}
