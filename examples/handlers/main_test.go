package main

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tieline/tieline"
)

// awaiting is a log that tells when the application listens.
type awaiting chan struct{}

func (a awaiting) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("msg=listening")) {
		close(a)
	}
	return len(p), nil
}

func environment(t *testing.T, key string) {
	t.Setenv("TIELINE_ENCRYPTION_KEY", key)
	t.Setenv("GITHUB_CLIENT_ID", "id")
	t.Setenv("GITHUB_CLIENT_SECRET", "secret")
}

// It serves until it is told to end, the second time from the database that is
// there.
func TestRun(t *testing.T) {
	environment(t, tieline.GenerateKey())
	file := filepath.Join(t.TempDir(), "handlers.db")
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		listening, done := make(awaiting), make(chan error, 1)
		go func() { done <- run(ctx, "127.0.0.1:0", file, slog.New(slog.NewTextHandler(listening, nil))) }()
		select {
		case <-listening:
		case err := <-done:
			t.Fatalf("it ended by itself: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestRunWithoutKey(t *testing.T) {
	environment(t, "")
	err := run(t.Context(), "127.0.0.1:0", filepath.Join(t.TempDir(), "x.db"), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "TIELINE_ENCRYPTION_KEY") {
		t.Errorf("got %v", err)
	}
}
