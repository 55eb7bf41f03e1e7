package catalogtool

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Facts are what a source can confirm of an entry.
var Facts = []string{
	"authorize", "token", "api", "attach", "refresh", "pkce", "scopes", "verify", "paginate", "limits", "revoke", "tenant", "auth", "webhook", "captures",
}

// catalogs are the openly licensed catalogs that facts may come from.
var catalogs = []string{"amp-labs/connectors", "goth", "grant", "x/oauth2 endpoints"}

// notConfirmed begins a source that is none: it lists keys for which no page of the
// vendor was found.
const notConfirmed = "not confirmed with the vendor:"

// publicClients stands for code that others have published and that was found by its
// text, so that no repository can be named.
const publicClients = "public clients"

// publications stands for what the vendor has published and was read where no address
// can be given.
const publications = "the vendor's publications"

// repository is how a source names a repository, with or without a path in it.
var repository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+($|[ ,])`)

// withFacts takes a source apart: where, facts, and what else is said of them.
var withFacts = regexp.MustCompile(`^(.*\S) \(([^()]*(?:\([^()]*\)[^()]*)*)\)$`)

// sourceReason says why a source is not one, or "".
func (l *linter) sourceReason(source string) string {
	if unsaid(source) {
		return "the source is still to be filled in"
	}
	if rest, ok := strings.CutPrefix(source, notConfirmed); ok {
		if strings.TrimSpace(rest) == "" {
			return "nothing is listed that is not confirmed"
		}
		return ""
	}
	where, m := whereOf(source), withFacts.FindStringSubmatch(source)
	if m != nil && m[2] == "this catalog" {
		if _, ok := l.written[where]; !ok {
			return fmt.Sprintf("there is no entry %s in this catalog", where)
		}
		return ""
	}
	switch {
	case strings.Contains(where, "://") && !isURL(where):
		return "an https URL is expected, and nothing before the facts"
	case !strings.Contains(where, "://") && !slices.Contains(catalogs, where) && where != publicClients && where != publications && !repository.MatchString(where):
		return fmt.Sprintf("a source is a URL, a repository (owner/name), %q, %q or one of %s", publicClients, publications, strings.Join(catalogs, ", "))
	case m == nil:
		return "the facts that the source confirms are missing, in parentheses: " + strings.Join(Facts, ", ")
	}
	facts := factsOf(source)
	if len(facts) == 0 {
		return "the source confirms no fact"
	}
	for _, f := range facts {
		if !slices.Contains(Facts, f) {
			return fmt.Sprintf("%q is none of the facts %s; free text goes after a semicolon", f, strings.Join(Facts, ", "))
		}
	}
	return ""
}

// whereOf returns a source without its facts.
func whereOf(source string) string {
	if m := withFacts.FindStringSubmatch(source); m != nil {
		return m[1]
	}
	return source
}

// factsOf returns what a source says that it confirms.
func factsOf(source string) []string {
	m := withFacts.FindStringSubmatch(source)
	if m == nil {
		return nil
	}
	list, _, _ := strings.Cut(m[2], ";")
	if strings.TrimSpace(list) == "" {
		return nil
	}
	facts := strings.Split(list, ",")
	for i, f := range facts {
		facts[i] = strings.TrimSpace(f)
	}
	return facts
}

// isURL reports whether a source begins with an absolute https URL.
func isURL(source string) bool {
	first, _, _ := strings.Cut(source, " ")
	u, err := url.Parse(first)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
