package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tieline/tieline/store"
)

func osRoles() map[string]func(string) error {
	return map[string]func(string) error{"nobody": asNobody, "full": fillDisk, "remounted": remountDisk, "full at open": openOnFullDisk}
}

// A process of its own has a small disk to fill: it mounts one that no one else
// sees, in user and mount namespaces, which needs no rights.
func onSmallDisk(t *testing.T, role string) {
	t.Helper()
	t.Parallel()
	cmd := actor(t, role, filepath.Join(t.TempDir(), "x.db"))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EINVAL), cmd.ProcessState.ExitCode() == exitNoMount:
		t.Skipf("no file system can be mounted here, which takes user namespaces: %v %s", err, out)
	case err != nil:
		t.Errorf("another process: %v\n%s", err, out)
	}
}

const exitNoMount = 77

func mount(path string, size string) {
	if err := syscall.Mount("tmpfs", filepath.Dir(path), "tmpfs", 0, "size="+size); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitNoMount)
	}
}

func TestDiskFull(t *testing.T)       { onSmallDisk(t, "full") }
func TestDiskFullAtOpen(t *testing.T) { onSmallDisk(t, "full at open") }
func TestDiskRemounted(t *testing.T)  { onSmallDisk(t, "remounted") }

// fillDisk writes until nothing more fits, makes room, and writes on. What was
// acknowledged must be there, what was refused must not.
func fillDisk(path string) error {
	mount(path, "2m")
	ctx := context.Background()
	ballast := filepath.Join(filepath.Dir(path), "ballast")
	if err := os.WriteFile(ballast, make([]byte, 512<<10), 0o600); err != nil {
		return err
	}
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	row := func(i int) store.Row {
		return store.Row{Key: key(fmt.Sprint(i)), Labels: []string{"a"}, Data: make([]byte, 10_000)}
	}
	stored := 0
	for ; err == nil; stored++ {
		_, err = s.Put(ctx, row(stored))
	}
	stored--
	if !errors.Is(err, ErrFull) {
		return fmt.Errorf("Put on a full disk: %w, want ErrFull", err)
	}
	if stored == 0 {
		return errors.New("nothing was stored before the disk was full")
	}
	if err := has(s, stored); err != nil {
		return fmt.Errorf("on the full disk: %w", err)
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	for range 5 {
		if _, err := s.Put(ctx, row(stored)); err != nil {
			return fmt.Errorf("Put when there is room again: %w", err)
		}
		stored++
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = Open(path, Options{}); err != nil {
		return err
	}
	return errors.Join(has(s, stored), s.Close())
}

// has reports when there are not exactly the rows 0 to n-1.
func has(s *Store, n int) error {
	page, err := s.List(context.Background(), store.Query{Kind: "k", Labels: []string{"a"}, Limit: 1000})
	if err != nil || len(page.Rows) != n {
		return fmt.Errorf("there are %d rows, %w, want %d", len(page.Rows), err, n)
	}
	for i := range n {
		if _, err := s.Get(context.Background(), key(fmt.Sprint(i))); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}

// openOnFullDisk has no room for a database, nor for the files beside one.
func openOnFullDisk(path string) error {
	mount(path, "256k")
	ours := func() error {
		s, err := Open(path, Options{})
		if err != nil {
			return err
		}
		return s.Close()
	}
	if err := ours(); err != nil {
		return err
	}
	ballast := filepath.Join(filepath.Dir(path), "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk did not fill: %w", err)
	}
	if err := ours(); !errors.Is(err, ErrFull) {
		return fmt.Errorf("Open of what is there: %w, want ErrFull", err)
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk did not fill: %w", err)
	}
	if err := ours(); !errors.Is(err, ErrFull) {
		return fmt.Errorf("Open of a new file: %w, want ErrFull", err)
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	return ours()
}

// remountDisk has a file system that is read-only, as one becomes after an error
// of the disk. Here the rights of root do not help.
func remountDisk(path string) error {
	mount(path, "1m")
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	return errors.Join(wantReadOnly(path), wantReadOnly(filepath.Join(dir, "new.db")))
}
