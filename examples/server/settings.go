package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

// settings are what flags and the environment say. A flag goes before its variable.
type settings struct {
	addr         string
	store        string
	publicURL    string
	providers    []string
	origins      []string
	forwardURLs  []string
	allowPrivate bool
	refreshEarly time.Duration
	keygen       bool

	secretKey     tieline.Secret // the bearer key of the API
	encryptionKey tieline.Secret // one or more, newest first
	forwardSecret tieline.Secret // signs what is forwarded
	nangoKey      tieline.Secret // signs it as Nango does, too
	generated     bool           // the keys are good for this run only
}

// stringList is a flag that may be given several times.
type stringList struct{ values *[]string }

func (l stringList) String() string { return "" }

func (l stringList) Set(v string) error {
	if v == "" {
		return errors.New("must not be empty")
	}
	*l.values = append(*l.values, v)
	return nil
}

func readSettings(args []string, getenv func(string) string, errs io.Writer) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(errs)
	or := func(name, fallback string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return fallback
	}
	flags.StringVar(&s.addr, "addr", or("TIELINE_ADDR", "127.0.0.1:3003"), "`address` to listen on (TIELINE_ADDR)")
	flags.StringVar(&s.store, "store", or("TIELINE_STORE", "sqlite:tieline.db"), "`store`: memory:, sqlite:PATH or a postgres:// URL (TIELINE_STORE)")
	flags.StringVar(&s.publicURL, "public-url", getenv("TIELINE_PUBLIC_URL"), "`URL` at which the service is reached from outside; the address if empty (TIELINE_PUBLIC_URL)")
	flags.Var(stringList{&s.providers}, "providers", "provider `file` to lay over the built-in catalog; may be repeated (TIELINE_PROVIDERS, separated by commas)")
	flags.Var(stringList{&s.origins}, "origin", "`origin` of a page that may open the connect page; may be repeated (TIELINE_ORIGINS, separated by commas)")
	flags.Var(stringList{&s.forwardURLs}, "forward-url", "`URL` that webhooks and events are forwarded to, signed with TIELINE_FORWARD_SECRET; may be repeated (TIELINE_FORWARD_URLS, separated by commas)")
	private, privateErr := boolean("TIELINE_ALLOW_PRIVATE_NETWORK", getenv)
	flags.BoolVar(&s.allowPrivate, "allow-private-network", private, "reach providers on loopback and private addresses (TIELINE_ALLOW_PRIVATE_NETWORK)")
	early, earlyErr := duration("TIELINE_REFRESH_EARLY", getenv)
	flags.DurationVar(&s.refreshEarly, "refresh-early", early, "`how long` before its expiry a token is refreshed; by its lifetime if 0 (TIELINE_REFRESH_EARLY)")
	flags.BoolVar(&s.keygen, "keygen", false, "print a new encryption key and exit")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("there are no arguments, but %q was given", flags.Arg(0))
	}
	if err := errors.Join(privateErr, earlyErr); err != nil {
		return nil, err
	}
	if len(s.providers) == 0 {
		s.providers = split(getenv("TIELINE_PROVIDERS"))
	}
	if len(s.origins) == 0 {
		s.origins = split(getenv("TIELINE_ORIGINS"))
	}
	if len(s.forwardURLs) == 0 {
		s.forwardURLs = split(getenv("TIELINE_FORWARD_URLS"))
	}
	s.forwardSecret = tieline.NewSecret(getenv("TIELINE_FORWARD_SECRET"))
	s.nangoKey = tieline.NewSecret(getenv("TIELINE_NANGO_SIGNING_KEY"))
	s.secretKey = tieline.NewSecret(getenv("TIELINE_SECRET_KEY"))
	s.encryptionKey = tieline.NewSecret(getenv("TIELINE_ENCRYPTION_KEY"))
	return s, nil
}

// complete makes up the keys that may be made up, and says which are missing.
func (s *settings) complete() error {
	memory := s.store == "memory:"
	var missing []error
	if s.encryptionKey.IsZero() {
		if !memory {
			missing = append(missing, errors.New("TIELINE_ENCRYPTION_KEY is not set: -keygen prints one"))
		}
		s.encryptionKey = tieline.NewSecret(tieline.GenerateKey())
	}
	if s.secretKey.IsZero() {
		if !memory {
			missing = append(missing, errors.New("TIELINE_SECRET_KEY is not set: it is the bearer key of the API, a UUID"))
		}
		s.secretKey, s.generated = tieline.NewSecret(newUUID()), true
	}
	return errors.Join(missing...)
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

func boolean(name string, getenv func(string) string) (bool, error) {
	v := getenv(name)
	if v == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("%s must be true or false", name)
	}
	return b, nil
}

func duration(name string, getenv func(string) string) (time.Duration, error) {
	v := getenv(name)
	if v == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s must be a duration such as 5m", name)
	}
	return d, nil
}
