package spec

import (
	"regexp"
	"sync"
)

// lazyRegexp compiles an expression when it is first used, so that importing
// the package costs nothing.
func lazyRegexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
