//go:build !unix

package sqlite

import (
	"errors"
	"io/fs"
)

// isReadOnlyFS reports whether a file could not be made because its directory is
// not to be written to.
func isReadOnlyFS(err error) bool { return errors.Is(err, fs.ErrPermission) }
