// Command quickstart connects to a provider from beginning to end: it opens a
// database, creates an integration, walks the authorization code flow with PKCE,
// and calls the provider's API through the connection.
//
//	go run ./examples/quickstart
//
// needs no set-up and no network: the provider is one to test against, on
// loopback, and its user's browser is played by a few lines of code. Then the
// access token is left to expire, 50 goroutines ask for it at once, and the last
// line says how many refreshes the provider has seen.
//
// With -provider it does the same with a real service, in your browser:
//
//	go run ./examples/quickstart -provider github -client-id Iv23li...
//
// The client secret comes from the environment variable TIELINE_CLIENT_SECRET,
// where the shell's history does not keep it:
//
//	read -rs TIELINE_CLIENT_SECRET && export TIELINE_CLIENT_SECRET
//
// The database is a temporary file unless -db names one or -keep is given. What
// is in it can be read again only with the same key, so set
// TIELINE_ENCRYPTION_KEY to 32 random bytes in base64 to use a database twice.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are what the flags and the environment say.
type options struct {
	db   string // path; empty for a temporary file
	keep bool   // the temporary file
	key  string // for tieline.ParseKeyring; empty for a new one

	provider     string // of the catalog; empty for the one to test against
	clientID     string
	clientSecret string
	scopes       []string
	config       map[string]string // of the connection
	addr         string
	catalog      string        // path of a provider file
	wait         time.Duration // for the user
}

func main() {
	o := parse(os.Args[1:], os.Getenv)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	if o.provider != "" {
		return live(ctx, o, out)
	}
	if o.clientID != "" || o.scopes != nil || o.config != nil || o.catalog != "" {
		return errors.New("-client-id, -scopes, -config and -catalog go with -provider")
	}
	return demo(ctx, o, out)
}

// parse reads flags and environment. It ends the program when they are wrong.
func parse(args []string, getenv func(string) string) options {
	o := options{key: getenv("TIELINE_ENCRYPTION_KEY"), wait: 10 * time.Minute}
	f := flag.NewFlagSet("quickstart", flag.ExitOnError)
	f.StringVar(&o.db, "db", "", "SQLite `file`, created when it is not there and never removed (default: a temporary one)")
	f.BoolVar(&o.keep, "keep", false, "keep the temporary database")
	f.StringVar(&o.provider, "provider", "", "`name` of a provider in the catalog to connect to, in your browser")
	f.StringVar(&o.clientID, "client-id", "", "client `ID` of your application at the provider")
	// The variable is not made the flag's default, which -help would print.
	f.StringVar(&o.clientSecret, "client-secret", "", "its client `secret`; better given as $TIELINE_CLIENT_SECRET")
	f.StringVar(&o.addr, "addr", "127.0.0.1:3003", "loopback `address` to listen on for the callback")
	f.StringVar(&o.catalog, "catalog", "", "provider `file` that overlays the built-in catalog; its providers may be on loopback")
	f.Func("scopes", "`scopes` to ask for, separated by commas (default: the provider's)", func(s string) error {
		o.scopes = strings.Split(s, ",")
		return nil
	})
	f.Func("config", "`key=value` of the connection's config, such as subdomain=acme; repeatable", func(s string) error {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("must be key=value")
		}
		if o.config == nil {
			o.config = make(map[string]string)
		}
		o.config[k] = v
		return nil
	})
	_ = f.Parse(args) // exits on an error
	if f.NArg() > 0 {
		fmt.Fprintf(f.Output(), "unexpected argument %q\n", f.Arg(0))
		f.Usage()
		os.Exit(2)
	}
	if o.clientSecret == "" {
		o.clientSecret = getenv("TIELINE_CLIENT_SECRET")
	}
	return o
}

// say prints one step.
func say(out io.Writer, step, format string, args ...any) {
	fmt.Fprintf(out, "%-12s "+format+"\n", append([]any{step}, args...)...)
}
