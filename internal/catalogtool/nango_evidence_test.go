package catalogtool

import (
	"slices"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/spec"
)

// TestNangoAgreement is TestAgreesWithCatalogs with a fifth catalog, that of the
// system whose format this is: of the providers whose authorization and token URLs
// at least two of the five agree on, ours agrees on both, or the decisions say why not.
func TestNangoAgreement(t *testing.T) {
	t.Parallel()
	set, _ := spec.Load(nangoFiles(t)...)
	dir, all := builtinEvidence(t)
	reasons := decided(t, dir)
	claims := builtinClaims(t, dir)
	byName := map[string]*spec.Entry{}
	for _, name := range set.Names() {
		if e, _ := set.Lookup(name); e.AuthMode == spec.OAuth2 || e.AuthMode == spec.OAuth1 {
			byName[plainName(name)] = e
		}
	}
	for _, e := range all {
		if theirs := byName[plainName(e.Entry)]; theirs != nil {
			for _, fact := range []string{"authorize", "token"} {
				claims = append(claims, Claim{Entry: e.Entry, Catalog: "the reference catalog", Fact: fact, Value: factIn(fact, theirs)})
			}
		}
	}
	agreed, explained := 0, 0
	for _, e := range all {
		authorize, token := commonValue("authorize", e.Entry, claims), commonValue("token", e.Entry, claims)
		if authorize == "" || token == "" {
			continue
		}
		same := func(fact, value string) bool {
			return slices.ContainsFunc(e.Facts[fact].Values, func(v string) bool { return SameFact(fact, v, value) })
		}
		switch {
		case same("authorize", authorize) && same("token", token):
			agreed++
		case reasons[e.Entry]:
			explained++
		default:
			t.Errorf("%s: catalogs agree on %s and %s; ours are %q and %q, and the decisions do not say why", e.Entry, authorize, token, e.Facts["authorize"].Values, e.Facts["token"].Values)
		}
	}
	t.Logf("two of five catalogs agree on %d providers; ours agrees on %d, and says why not of %d", agreed+explained, agreed, explained)
	if agreed < 110 {
		t.Errorf("ours agrees on %d only", agreed)
	}
}

// plainName is a name without what catalogs write in different ways.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}
