// Command catalog is for people who write provider files. It checks them, compares
// them, converts entries of other catalogs, and writes what is generated of the built-in
// one.
//
//	go run ./catalog/cmd/catalog lint
//
// Run it without arguments for what else there is.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

const usage = `usage: catalog COMMAND

  lint [-house] [-notes=false] [DIR|FILE...]  everything that is wrong with provider files; without one, with the built-in catalog
  show [-in DIR|FILE] NAME                    an entry with everything that it inherits
  diff [-v] [-only KEY,...] FILE              a file of yours next to the built-in catalog
  import FILE NAME                            an entry of a file of another catalog, as ours
  list [-write]                               the providers by category, as Markdown
  evidence [-write]                           how many sources agree on each provider, as Markdown
  gen                                         what is generated of the built-in catalog

The built-in catalog is the directory catalog/providers, here or above.
`

// errFound ends the program with status 1 and nothing more to say.
var errFound = errors.New("something was found")

func main() {
	switch err := run(os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case errors.Is(err, errFound):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "catalog:", err)
		os.Exit(1)
	}
}

// run does what the arguments say, in the current directory.
func run(args []string, out, log io.Writer) error {
	commands := map[string]func(*command) error{
		"lint": (*command).lint, "show": (*command).show, "diff": (*command).diff, "import": (*command).convert, "list": (*command).list, "evidence": (*command).evidence, "gen": (*command).gen,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(log, usage)
		return flag.ErrHelp
	}
	c := &command{args: args[1:], out: out, flags: flag.NewFlagSet(args[0], flag.ContinueOnError), now: time.Now()}
	c.flags.SetOutput(log)
	c.flags.Usage = func() { fmt.Fprint(log, usage) }
	return commands[args[0]](c)
}

// command is one run of the program.
type command struct {
	args  []string
	flags *flag.FlagSet
	out   io.Writer
	now   time.Time
}

// parse parses the flags, which may stand before, between and behind the arguments, and
// returns the arguments, of which there are at least low and at most high.
func (c *command) parse(low, high int) ([]string, error) {
	var rest []string
	for args := c.args; ; {
		if err := c.flags.Parse(args); err != nil {
			return nil, flag.ErrHelp
		}
		if c.flags.NArg() == 0 {
			break
		}
		rest = append(rest, c.flags.Arg(0))
		args = c.flags.Args()[1:]
	}
	if len(rest) < low || len(rest) > high {
		c.flags.Usage()
		return nil, flag.ErrHelp
	}
	return rest, nil
}
