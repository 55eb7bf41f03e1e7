package postgres

import (
	"bytes"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// lockedBuffer can be written to and read at the same time.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func inSchema(s *Store, text string) string {
	return strings.ReplaceAll(text, "@", pgx.Identifier{s.schema}.Sanitize())
}
