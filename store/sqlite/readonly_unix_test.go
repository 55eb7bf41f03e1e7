//go:build unix

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

// nobody is a user without rights, to test as root what root may do anyway.
const nobody = 65534

// TestReadOnly has files and directories that may not be written to.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		dir, file os.FileMode // file 0 means that there is none
	}{
		{"file", 0o700, 0o400},
		{"directory", 0o500, 0o600},
		{"both", 0o500, 0o400},
		{"directory without the file", 0o500, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "x.db")
			if tt.file != 0 {
				ours(t, path)
				if err := os.Chmod(path, tt.file); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, tt.dir); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(dir, 0o700) }) // for the removal
			if os.Getuid() != 0 {
				if err := wantReadOnly(path); err != nil {
					t.Error(err)
				}
				return
			}
			for _, p := range []string{dir, path} {
				if err := os.Lchown(p, nobody, nobody); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
				t.Fatal(err)
			}
			act(t, actor(t, "nobody", path))
		})
	}
}

// asNobody gives up the rights of root first.
func asNobody(path string) error {
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(nobody); err != nil {
		return err
	}
	if err := syscall.Setuid(nobody); err != nil {
		return err
	}
	return wantReadOnly(path)
}

// wantReadOnly reports when Open does not refuse the path for the one reason.
func wantReadOnly(path string) error {
	s, err := Open(path, Options{})
	if err == nil {
		_, err := s.Put(context.Background(), store.Row{Key: key("a")})
		s.Close()
		return fmt.Errorf("Open succeeded, and then Put returned %v", err)
	}
	if !errors.Is(err, ErrReadOnly) {
		return fmt.Errorf("Open: %w, want ErrReadOnly", err)
	}
	return nil
}
