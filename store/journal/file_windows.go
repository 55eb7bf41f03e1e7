package journal

import (
	"errors"
	"os"
	"syscall"
)

// errSharing is ERROR_SHARING_VIOLATION.
const errSharing = syscall.Errno(32)

func createFile(name string) (*os.File, error) {
	return create(name, syscall.FILE_SHARE_READ, syscall.CREATE_NEW)
}

// openFile reads a file that its own process may have open.
func openFile(name string) (*os.File, error) { return os.Open(name) }

// lock has nothing to do: a file that is open cannot be taken.
func lock(*os.File) error { return nil }

// take opens the file of a process that is gone for this one alone. It answers
// nil if the process is alive.
func take(name string) (*os.File, error) {
	f, err := create(name, 0, syscall.OPEN_EXISTING)
	if errors.Is(err, errSharing) {
		return nil, nil
	}
	return f, err
}

// remove deletes a file that was taken. It has to be closed first.
func remove(f *os.File, name string) error {
	return errors.Join(f.Close(), os.Remove(name))
}

func create(name string, share, disposition uint32) (*os.File, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, share, nil, disposition, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}

// syncDir has nothing to do: NTFS keeps names in a journal of its own.
func syncDir(string) error { return nil }
