package postgrestest

import (
	"errors"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
)

// programs are the paths of what a cluster is made and run with.
type programs struct{ initdb, postgres, pgCtl string }

var errNoPrograms = errors.New("postgrestest: the programs of PostgreSQL (initdb, postgres, pg_ctl) are not installed")

// findPrograms looks in PATH and where Debian, Homebrew and the installer for
// Windows put them, the newest version first.
func findPrograms() (programs, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		// All three from one place: in PATH there may be links to one of several versions.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if p, ok := programsIn(filepath.Dir(path)); ok {
			return p, nil
		}
	}
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin", `C:\Program Files\PostgreSQL\*\bin`,
	} {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		dirs = append(dirs, found...)
	}
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range dirs {
		if p, ok := programsIn(dir); ok {
			return p, nil
		}
	}
	return programs{}, errNoPrograms
}

func programsIn(dir string) (programs, bool) {
	exe := ""
	if runtime.GOOS == "windows" {
		exe = ".exe"
	}
	p := programs{
		initdb:   filepath.Join(dir, "initdb"+exe),
		postgres: filepath.Join(dir, "postgres"+exe),
		pgCtl:    filepath.Join(dir, "pg_ctl"+exe),
	}
	for _, path := range []string{p.initdb, p.postgres, p.pgCtl} {
		if _, err := exec.LookPath(path); err != nil {
			return programs{}, false
		}
	}
	return p, true
}

// version is the number in the name of a folder, as in /usr/lib/postgresql/15/bin.
func version(dir string) int {
	name := filepath.Base(filepath.Dir(dir))
	digits := 0
	for digits < len(name) && (name[len(name)-1-digits] >= '0' && name[len(name)-1-digits] <= '9') {
		digits++
	}
	n, _ := strconv.Atoi(name[len(name)-digits:]) // 0 for a name without one
	return n
}
