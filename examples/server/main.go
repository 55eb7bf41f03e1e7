// Command server is Tieline as a small service: the REST surface, the connect page,
// the background refresh and a few functions (functions.go) over a database.
//
//	go run ./examples/server -keygen                    # once: prints an encryption key
//	export TIELINE_ENCRYPTION_KEY=...                   # keep it: nothing can be read without
//	export TIELINE_SECRET_KEY=$(cat /proc/sys/kernel/random/uuid)   # the bearer key of the API
//	go run ./examples/server
//
// With -store memory: both keys may be missing; everything is forgotten at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/tieline/tieline"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run is the whole program. One line with its address goes to out when it is ready; all
// else goes to errs.
func run(ctx context.Context, args []string, getenv func(string) string, out, errs io.Writer) error {
	s, err := readSettings(args, getenv, errs)
	if err != nil {
		return err
	}
	if s.keygen {
		_, err := fmt.Fprintln(out, tieline.GenerateKey())
		return err
	}
	if err := s.complete(); err != nil {
		return err
	}
	if s.generated { // somebody in front of a terminal; out has the address and nothing else
		_, _ = fmt.Fprintln(errs, "secret key, for this run only:", s.secretKey.Reveal())
	}
	log := slog.New(slog.NewTextHandler(errs, nil))
	return serve(ctx, s, log, out)
}
