//go:build unix

package sqlite

import (
	"errors"
	"io/fs"
	"syscall"
)

// isReadOnlyFS reports whether a file could not be made because its directory or
// file system is not to be written to.
func isReadOnlyFS(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
