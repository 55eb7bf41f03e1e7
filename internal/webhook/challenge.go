package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// maxChallenge bounds what an answer repeats, in bytes. Microsoft's tokens have some 200.
const maxChallenge = 2 << 10

// Answer is the response that a provider's challenge is to get.
type Answer struct {
	Name   string // of the challenge
	Status int
	// Header has the content type, and what keeps a browser from taking what is repeated
	// for a page or a script.
	Header http.Header
	Body   []byte
	// Offered is a secret that the provider wants to sign with from now on. Whoever finds
	// the URL can offer one, so it is only set while there is no secret, and is to be
	// stored only by somebody who is expecting it.
	Offered Secret
}

// challenge is a compiled [Challenge].
type challenge struct {
	Challenge
	method *method // for its secrets
}

// answer returns the answer to the first challenge of the stage that the delivery is.
func (v *Verifier) answer(r *run, stage string, status Status) (*Answer, error) {
	for _, c := range v.challenges {
		if c.Stage != stage || !c.matches(r) {
			continue
		}
		// Who may choose what is signed could have a delivery signed.
		if c.MAC != "" && status != Verified {
			return nil, v.named(fail(ErrMismatch, "signature"), c.Name)
		}
		a, err := c.answer(r)
		if err != nil {
			return nil, v.named(err, c.Name)
		}
		return a, nil
	}
	return nil, nil
}

func (c *challenge) matches(r *run) bool {
	if c.Method != "" && !strings.EqualFold(c.Method, r.d.Method) {
		return false
	}
	return !slices.ContainsFunc(c.Match, func(want Condition) bool {
		f := r.find(want.Place)
		return len(f.values) != 1 || want.Equals != "" && f.values[0] != want.Equals
	})
}

func (c *challenge) answer(r *run) (*Answer, error) {
	candidates := c.method.candidates(r.in)
	if c.Token != nil {
		f := r.find(*c.Token)
		if len(f.values) != 1 {
			return nil, fail(ErrMissing, "token")
		}
		if !slices.ContainsFunc(candidates, func(k candidate) bool { return allSame(f.values, k.key) }) {
			return nil, fail(ErrMismatch, "token")
		}
	}
	value := ""
	if c.Value != nil {
		f := r.find(*c.Value)
		if len(f.values) != 1 || len(f.values[0]) < 1 || len(f.values[0]) > maxChallenge || strings.ContainsFunc(f.values[0], notPrintable) {
			return nil, fail(ErrMalformed, "value")
		}
		value = f.values[0]
	}
	a := &Answer{Name: c.Name, Status: http.StatusOK, Header: make(http.Header)}
	a.Header.Set("X-Content-Type-Options", "nosniff")
	a.Header.Set("Content-Security-Policy", "default-src 'none'")
	a.Header.Set("Cache-Control", "no-store")
	a.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if err := c.fill(a, value, candidates); err != nil {
		return nil, err
	}
	if c.Offer && len(candidates) == 0 {
		a.Offered = NewSecret(UseWebhook, "", value)
	}
	return a, nil
}

func (c *challenge) fill(a *Answer, value string, candidates []candidate) error {
	switch {
	case c.Text:
		a.Body = []byte(value)
	case c.Header != "":
		a.Header.Set(c.Header, value)
	case c.Static != "":
		a.Header.Set("Content-Type", "application/json")
		a.Body = []byte(c.Static)
	case c.JSON != "":
		object := map[string]string{c.JSON: value}
		if c.MAC != "" {
			// The answer cannot say with which of several secrets it was made, so it is the
			// first, which is the newest.
			if len(candidates) == 0 {
				return fail(ErrMissing, "secret")
			}
			h := hmac.New(sha256.New, candidates[0].key)
			h.Write([]byte(value))
			object[c.MAC] = hex.EncodeToString(h.Sum(nil))
		}
		body, err := json.Marshal(object) // which escapes < > and &
		if err != nil {
			return fail(ErrMalformed, "value")
		}
		a.Header.Set("Content-Type", "application/json")
		a.Body = body
	}
	return nil
}
