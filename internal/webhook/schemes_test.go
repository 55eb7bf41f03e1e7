package webhook

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// routed are the providers whose webhooks the reference system routes.
const routed = `affinity airtable fillout google google-drive google-calendar microsoft-teams salesforce shipstation
	unauthenticated slack github-app github-app-oauth gitlab hubspot jira linear xero calendly attio notion shopify
	pagerduty autotask connectwise-psa sellsy fathom folk cal-com streak videoask jobber highlevel gmail jobdiva
	checkr-partner sentry-oauth microsoft-client-credentials`

func builtin(t testing.TB) map[string]Scheme {
	t.Helper()
	schemes, err := Schemes()
	if err != nil {
		t.Fatal(err)
	}
	return schemes
}

func compile(t testing.TB, name string, s Scheme) *Verifier {
	t.Helper()
	v, problems := Compile(name, s)
	if len(problems) > 0 {
		t.Fatalf("%s: %v", name, problems)
	}
	return v
}

// verifier compiles the sample's scheme, with the test's key in place of the provider's.
func (s sample) verifier(t testing.TB) *Verifier {
	t.Helper()
	scheme, ok := builtin(t)[s.scheme]
	if !ok {
		t.Fatalf("there is no scheme %s", s.scheme)
	}
	for i := range scheme.Verify {
		if s.publicKey != "" && scheme.Verify[i].Name == s.method {
			scheme.Verify[i].PublicKeys = []string{s.publicKey}
		}
	}
	return compile(t, s.scheme, scheme)
}

func TestEveryNameHasAScheme(t *testing.T) {
	t.Parallel()
	schemes := builtin(t)
	names := strings.Fields(routed)
	if len(names) != 38 {
		t.Errorf("the list has %d names, want 38", len(names))
	}
	for _, name := range names {
		if _, ok := schemes[name]; !ok {
			t.Errorf("%s has no scheme", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		compile(t, name, schemes[name])
		if name != "unauthenticated" && schemes[name].Source == "" {
			t.Errorf("%s has no source", name)
		}
	}
}

// TestEveryMethodHasASample keeps a method from being added without a delivery that it
// verifies.
func TestEveryMethodHasASample(t *testing.T) {
	t.Parallel()
	have := make(map[string]bool)
	for _, s := range samples() {
		have[s.scheme+"/"+s.method] = true
	}
	for name, scheme := range builtin(t) {
		for _, m := range compile(t, name, scheme).methods {
			if m.kind != KindNone && !have[name+"/"+m.name] {
				t.Errorf("%s: method %s has no sample", name, m.name)
			}
		}
	}
}

func TestSamplesVerify(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		t.Run(s.scheme+"/"+s.method+"/"+s.where, func(t *testing.T) {
			t.Parallel()
			v, in := s.verifier(t), s.inputs(testNow)
			got, err := v.Verify(t.Context(), s.deliver(testNow), in)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != Verified || got.Method != s.method || got.Reason != "" {
				t.Fatalf("got %v by %q (%s), want verified by %q", got.Status, got.Method, got.Reason, s.method)
			}
			if s.secret != "" && s.keys == nil && got.SecretID != "right" {
				t.Errorf("the secret is %q, want right", got.SecretID)
			}
			t.Run("body", func(t *testing.T) { s.tamperBody(t, v, got.BodySigned) })
			t.Run("signature", func(t *testing.T) { s.tamperSignature(t, v) })
			t.Run("secret", func(t *testing.T) { s.otherSecrets(t, v) })
			if s.tolerance > 0 {
				t.Run("time", func(t *testing.T) { s.otherTime(t, v) })
			}
		})
	}
}

func refused(t *testing.T, v *Verifier, d Delivery, in Inputs, what string, reasons ...error) {
	t.Helper()
	got, err := v.Verify(t.Context(), d, in)
	var e *Error
	if got.Status == Verified || !errors.Is(err, ErrRefused) || !errors.As(err, &e) || e.Code == "" {
		t.Errorf("%s: got %v and %v, want a refusal", what, got.Status, err)
		return
	}
	if len(reasons) > 0 && !slices.ContainsFunc(reasons, func(r error) bool { return errors.Is(err, r) }) {
		t.Errorf("%s: got %v, want one of %v", what, err, reasons)
	}
	if strings.Contains(err.Error(), plainSecret) || strings.Contains(err.Error(), base64Secret) {
		t.Errorf("%s: the error has a secret in it: %v", what, err)
	}
}

func (s sample) tamperBody(t *testing.T, v *Verifier, signed bool) {
	d := s.deliver(testNow)
	d.Body = append(slices.Clone(d.Body), ' ')
	if !signed {
		if got, err := v.Verify(t.Context(), d, s.inputs(testNow)); err != nil || got.Status != Verified {
			t.Errorf("a body that no signature covers: got %v, %v", got.Status, err)
		}
		return
	}
	refused(t, v, d, s.inputs(testNow), "another body", ErrMismatch)
	d.Body = nil
	refused(t, v, d, s.inputs(testNow), "no body")
}

// tamperSignature damages the signature in every way that its place allows.
func (s sample) tamperSignature(t *testing.T, v *Verifier) {
	flip := func(c byte) string {
		if c == '0' || c == 'A' {
			return "1"
		}
		return "0"
	}
	edits := map[string]func(string) string{
		"a bit":       func(v string) string { i := len(v) - 6; return v[:i] + flip(v[i]) + v[i+1:] },
		"shorter":     func(v string) string { return v[:len(v)-4] },
		"longer":      func(v string) string { return v + "0000" },
		"no encoding": func(v string) string { return v[:len(v)-6] + "!*~!!!" },
		"empty":       func(string) string { return "" },
		"huge":        func(v string) string { return v + strings.Repeat("0", 1<<20) },
		"not ASCII":   func(v string) string { return v[:len(v)-1] + "é" },
	}
	for what, edit := range edits {
		refused(t, v, s.edit(s.deliver(testNow), edit), s.inputs(testNow), what)
	}
	in := s.inputs(testNow)
	missing := []error{ErrMissing}
	if s.method == "v3" { // the older signature beside it decides then
		missing = []error{ErrMalformed}
	}
	refused(t, v, s.drop(s.deliver(testNow)), in, "missing", missing...)
	if !strings.HasPrefix(s.where, "body:") {
		refused(t, v, s.double(s.deliver(testNow)), in, "twice", ErrDuplicate)
	}
}

// edit changes the signature of a delivery.
func (s sample) edit(d Delivery, change func(string) string) Delivery {
	kind, name, ok := strings.Cut(s.where, ":")
	switch {
	case !ok:
		d.Header.Set(s.where, change(d.Header.Get(s.where)))
	case kind == "query":
		before, value, _ := strings.Cut(d.URL, name+"=")
		d.URL = before + name + "=" + change(value)
	default: // the last of several
		body := string(d.Body)
		i := strings.LastIndex(body, plainSecret)
		d.Body = []byte(body[:i] + change(plainSecret) + body[i+len(plainSecret):])
	}
	return d
}

func (s sample) drop(d Delivery) Delivery {
	kind, name, ok := strings.Cut(s.where, ":")
	switch {
	case !ok:
		d.Header.Del(s.where)
	case kind == "query":
		d.URL, _, _ = strings.Cut(d.URL, "&"+name+"=")
	default:
		d.Body = []byte(strings.Replace(string(d.Body), `"clientState"`, `"other"`, 1))
	}
	return d
}

func (s sample) double(d Delivery) Delivery {
	if _, name, ok := strings.Cut(s.where, ":"); ok {
		d.URL += "&" + name + "=" + plainSecret
		return d
	}
	// Under two spellings, as a map made by hand may have them.
	d.Header[strings.ToUpper(s.where)] = slices.Clone(d.Header[http.CanonicalHeaderKey(s.where)])
	return d
}

// otherSecrets tries no secret, another one, one for another use, and several.
func (s sample) otherSecrets(t *testing.T, v *Verifier) {
	in := s.inputs(testNow)
	if len(in.Secrets) == 0 || s.keys != nil {
		return
	}
	right := in.Secrets[0]
	wrong := []byte(right.Reveal())
	i := len(wrong) - 3
	wrong[i] = map[bool]byte{true: 'a', false: 'b'}[wrong[i] == 'b']
	other := NewSecret(s.use, "wrong", string(wrong))
	in.Secrets = []Secret{other}
	refused(t, v, s.deliver(testNow), in, "another secret", ErrMismatch)

	in.Secrets = []Secret{{}, other, right}
	if got, err := v.Verify(t.Context(), s.deliver(testNow), in); err != nil || got.SecretID != "right" {
		t.Errorf("the second of two secrets: got %q, %v", got.SecretID, err)
	}
	for what, secrets := range map[string][]Secret{
		"none": nil, "empty": {NewSecret(s.use, "empty", "")}, "other use": {NewSecret("other", "x", right.Reveal())},
	} {
		in.Secrets = secrets
		got, err := v.Verify(t.Context(), s.deliver(testNow), in)
		if err != nil || got.Status != Unverified || got.Reason == "" || got.SecretID != "" {
			t.Errorf("secrets: %s: got %v (%s), %v, want unverified", what, got.Status, got.Reason, err)
		}
	}
}

func (s sample) otherTime(t *testing.T, v *Verifier) {
	for _, off := range []time.Duration{-s.tolerance - time.Second, s.tolerance + time.Second} {
		refused(t, v, s.deliver(testNow), s.inputs(testNow.Add(off)), "replayed after "+off.String(), ErrStale)
	}
	if strings.HasPrefix(s.where, "auth") || s.scheme == "linear" {
		return // the moment is in what is signed
	}
	for _, off := range []time.Duration{-s.tolerance, s.tolerance} {
		if _, err := v.Verify(t.Context(), s.deliver(testNow), s.inputs(testNow.Add(off))); err != nil {
			t.Errorf("after %v: %v", off, err)
		}
	}
	// The old signature under a new moment.
	d, fresh := s.deliver(testNow), s.deliver(testNow.Add(time.Second))
	for name := range d.Header {
		if strings.Contains(strings.ToLower(name), "timestamp") {
			d.Header[name] = fresh.Header[name]
		} else if stamp := "t=" + seconds(testNow); strings.Contains(d.Header.Get(name), stamp) {
			d.Header.Set(name, strings.Replace(d.Header.Get(name), stamp, "t="+seconds(testNow.Add(time.Second)), 1))
		}
	}
	refused(t, v, d, s.inputs(testNow), "another timestamp", ErrMismatch)
}
