package tieline

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// twoStepMode is a login: what the user typed in is sent to the provider, whose
// answer, or that of a further call, has a token. It is renewed with a refresh token
// where there is one, and else by signing in again.
type twoStepMode struct{}

// assertionMargin is how much of an assertion's life must be left for it to be
// used once more.
const assertionMargin = time.Minute

func (m twoStepMode) Create(ctx context.Context, s *Subject) (Grant, error) {
	cred := *s.private.cred.(*TwoStep)
	var err error
	if cred.Values, err = s.checkValues(s.provider.Credentials, "credential.", cred.Values); err != nil {
		return Grant{}, err
	}
	if cred.Options, err = s.checkValues(s.provider.AssertionOption, "credential.options.", cred.Options); err != nil {
		return Grant{}, err
	}
	return s.withCredential(&cred).signIn(ctx, &cred)
}

func (twoStepMode) Import(_ context.Context, s *Subject, _ bool) (Grant, error) {
	cred := s.private.cred.(*TwoStep)
	if err := checkText("credential.token", cred.Token.Reveal(), 1, maxToken, nil); err != nil {
		return Grant{}, err
	}
	values := make(map[string]string, len(cred.Values))
	for name, v := range cred.Values {
		values[name] = v.Reveal()
	}
	_, _, problems := s.provider.Credentials.Validate(values, spec.ValidateOptions{Partial: true, Known: s.provider.CredentialNames})
	return Grant{Credential: cred}, errors.Join(
		fieldErrors("credential.", problems),
		checkText("credential.refresh_token", cred.RefreshToken.Reveal(), 0, maxToken, nil),
		checkExpiry(cred.ExpiresAt))
}

// CanRefresh: what was typed in is there, so signing in again is always possible.
func (twoStepMode) CanRefresh(s *Subject) bool {
	cred, ok := s.private.cred.(*TwoStep)
	return ok && (len(cred.Values) > 0 || !cred.RefreshToken.IsZero())
}

func (twoStepMode) Refresh(ctx context.Context, s *Subject) (Grant, error) {
	cred := *s.private.cred.(*TwoStep)
	if !s.refreshesByToken() || cred.RefreshToken.IsZero() {
		return s.signIn(ctx, &cred)
	}
	g, failure := s.tokenLogin(ctx, &cred)
	if failure == nil || failure.Class != ClassPermanent {
		return g, errorOrNil(failure)
	}
	// The refresh token is gone, and what was typed in is not, unless the tokens
	// were brought along without it.
	g, err := s.signIn(ctx, &cred)
	var cannot *TokenError
	if errors.As(err, &cannot) && cannot.Class == ClassConfig && cannot.Status == 0 {
		return Grant{}, failure
	}
	return g, err
}

// errorOrNil keeps a nil pointer from becoming an error that is not nil.
func errorOrNil(failure *TokenError) error {
	if failure == nil {
		return nil
	}
	return failure
}

func (twoStepMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	token, _ := s.private.cred.field("token")
	return s.attachParts(req, func(h http.Header) { h.Set("Authorization", "Bearer "+token) })
}

// refreshesByToken says whether the provider's data tells how a refresh token is
// used.
func (s *Subject) refreshesByToken() bool {
	p := &s.provider.Provider
	return p.RefreshTokenParams != nil || p.RefreshTokenHeaders != nil
}

// checkValues applies the provider's rules to what was typed in, and fills in what
// the provider sets itself. Values that belong to the integration are not asked for.
func (s *Subject) checkValues(fields spec.Fields, prefix string, given map[string]Secret) (map[string]Secret, error) {
	values := make(map[string]string, len(given))
	for name, v := range given {
		values[name] = v.Reveal()
	}
	for _, f := range s.provider.IntegrationConfig {
		if v := s.config[f.Name]; v != "" {
			if _, asked := fields.Get(f.Name); asked {
				values[f.Name] = v
			}
		}
	}
	checked, _, problems := fields.Validate(values, spec.ValidateOptions{Known: s.provider.CredentialNames})
	if err := fieldErrors(prefix, problems); err != nil {
		return nil, err
	}
	out := make(map[string]Secret, len(checked))
	for name, v := range checked {
		if _, shared := s.provider.IntegrationConfig.Get(name); !shared || s.config[name] == "" {
			out[name] = NewSecret(v)
		}
	}
	return out, nil
}

// signIn makes the whole login. cred is the subject's credential, and is changed.
func (s *Subject) signIn(ctx context.Context, cred *TwoStep) (Grant, error) {
	began := s.core.now()
	token := ""
	if s.provider.Signature != nil && s.provider.Token != nil {
		var err error
		if token, _, err = s.withOptions(cred, nil).signToken(); err != nil {
			return Grant{}, badData(err)
		}
	}
	if s.provider.Assertion != nil && !cred.AssertionExpiresAt.After(began.Add(assertionMargin)) {
		text, expires, err := s.withOptions(cred, nil).assertion()
		if err != nil {
			return Grant{}, badData(err)
		}
		cred.Assertion, cred.AssertionExpiresAt = NewSecret(text), expires
	}
	sub := s.withOptions(cred, map[string]string{"token": token})
	call, err := sub.firstCall()
	if err != nil {
		return Grant{}, badData(err)
	}
	answer, failure := sub.steps(ctx, call, cred)
	if failure != nil {
		return Grant{}, failure
	}
	before := *cred
	g, err := s.loginGrant(cred, answer, began)
	if err != nil {
		return Grant{}, err
	}
	return s.askedExpiry(ctx, g, before), nil
}

// tokenLogin renews with the refresh token.
func (s *Subject) tokenLogin(ctx context.Context, cred *TwoStep) (Grant, *TokenError) {
	began := s.core.now()
	sub := s.withOptions(cred, map[string]string{"refresh_token": cred.RefreshToken.Reveal()})
	call, err := sub.refreshLoginCall()
	if err != nil {
		return Grant{}, badData(err)
	}
	answer, failure := sub.steps(ctx, call, cred)
	if failure != nil {
		asksToWait := failure.Status == http.StatusTooManyRequests || failure.Status == http.StatusServiceUnavailable && failure.RetryAfter > 0
		if failure.Class == ClassTransient && !asksToWait {
			failure.Class = ClassAmbiguous // the refresh token may be spent
		}
		return Grant{}, failure
	}
	before := *cred
	g, err := s.loginGrant(cred, answer, began)
	if err == nil {
		return s.askedExpiry(ctx, g, before), nil
	}
	failure = &TokenError{Class: ClassAmbiguous, Status: http.StatusOK, Code: "no_token"}
	if next := s.nextRefreshToken(answer); next != "" {
		// What came without the rest must not be lost.
		before.RefreshToken = NewSecret(next)
		return Grant{Credential: &before, IssuedAt: began}, failure
	}
	return Grant{}, failure
}

// withOptions is the subject with the credential as it is now and with values that
// only a login has.
func (s *Subject) withOptions(cred *TwoStep, bare map[string]string) *Subject {
	return s.withCredential(cred).withValues(func(r template.Ref) (string, bool) {
		switch r.Space {
		case "assertionOption":
			v, ok := cred.Options[r.Name]
			return v.Reveal(), ok
		case "":
			v, ok := bare[r.Name]
			return v, ok && v != ""
		}
		return "", false
	})
}

func (s *Subject) firstCall() (loginCall, error) {
	e, env := s.provider, s.env()
	target, err := s.tokenURL(env)
	if err != nil {
		return loginCall{}, err
	}
	return s.loginRequest(loginCall{method: e.TokenMethod, url: target, format: e.BodyFormat}, e.TokenParams, e.TokenHeaders, env)
}

func (s *Subject) refreshLoginCall() (loginCall, error) {
	e, env := s.provider, s.env()
	target, err := s.refreshURL(env)
	if err != nil {
		return loginCall{}, err
	}
	return s.loginRequest(loginCall{method: e.TokenMethod, url: target, format: e.BodyFormat}, e.RefreshTokenParams, e.RefreshTokenHeaders, env)
}

// loginRequest fills in parameters and headers.
func (s *Subject) loginRequest(call loginCall, params spec.Tree, headers []spec.Param, env *template.Env) (loginCall, error) {
	var err error
	if !params.IsZero() {
		if call.params, err = params.Expand(env); err != nil {
			return call, configError(err)
		}
	}
	call.headers, err = expandHeaders(headers, env)
	return call, err
}

// steps makes the first call and those that follow it, and keeps of the first
// one's header what the provider's data says.
func (s *Subject) steps(ctx context.Context, call loginCall, cred *TwoStep) (*loginAnswer, *TokenError) {
	answer, failure := s.login(ctx, call)
	if failure != nil {
		return nil, failure
	}
	if headers := s.keptHeaders(answer.header); headers != nil {
		cred.Headers = headers
	}
	answers := []*loginAnswer{answer}
	for _, step := range s.provider.Steps {
		sub := s.afterSteps(answers)
		env := sub.env()
		target, err := step.URL.Expand(env)
		if err != nil {
			return nil, badData(configError(err))
		}
		call, err := sub.loginRequest(loginCall{method: step.Method, url: target, format: step.Body}, step.Params, step.Headers, env)
		if err != nil {
			return nil, badData(err)
		}
		if answer, failure = sub.login(ctx, call); failure != nil {
			return nil, failure
		}
		answers = append(answers, answer)
	}
	return answer, nil
}

// afterSteps is the subject with the answers so far, ${step1.path} being that of
// the first call.
func (s *Subject) afterSteps(answers []*loginAnswer) *Subject {
	before := s.extra
	return s.withValues(func(r template.Ref) (string, bool) {
		if n, ok := strings.CutPrefix(r.Space, "step"); ok {
			i := int(n[0] - '1')
			if len(n) != 1 || i < 0 || i >= len(answers) {
				return "", false
			}
			return answers[i].path(r.Name)
		}
		return before(r)
	})
}

// keptHeaders takes from an answer's header what is needed later. Of cookies, each
// is kept under its name, and all of them as a Cookie header would have them.
func (s *Subject) keptHeaders(h http.Header) map[string]Secret {
	var kept map[string]Secret
	keep := func(name, v string) {
		if kept == nil {
			kept = map[string]Secret{}
		}
		kept[name] = NewSecret(v)
	}
	for _, name := range s.provider.TokenResponseHeaders {
		if v := h.Get(name); v != "" {
			keep(name, v)
		}
		if !strings.EqualFold(name, "Set-Cookie") {
			continue
		}
		cookies := map[string]string{}
		for _, c := range (&http.Response{Header: h}).Cookies() {
			cookies[c.Name] = c.Value
			keep(c.Name, c.Value)
		}
		var all []string
		for _, name := range slices.Sorted(maps.Keys(cookies)) {
			all = append(all, name+"="+cookies[name])
		}
		if all != nil {
			keep("_cookies", strings.Join(all, "; "))
		}
	}
	return kept
}
