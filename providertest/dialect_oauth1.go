package providertest

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// percent escapes as RFC 5849 section 3.6 says: everything but unreserved characters.
func percent(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if strings.IndexByte(alphanumeric+"-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
	}
	return b.String()
}

// oauthHeader reads the parameters of an OAuth Authorization header (section 3.5.1).
func oauthHeader(header string) (map[string]string, bool) {
	list, ok := strings.CutPrefix(header, "OAuth ")
	if !ok {
		return nil, false
	}
	out := map[string]string{}
	for _, part := range strings.Split(list, ",") {
		k, v, found := strings.Cut(strings.TrimSpace(part), "=")
		v, err := url.PathUnescape(strings.Trim(v, `"`))
		if _, twice := out[k]; !found || err != nil || twice {
			return nil, false
		}
		out[k] = v
	}
	return out, true
}

// signatureBase is the base string of section 3.4.1.
func signatureBase(r *http.Request, body []byte, oauth map[string]string) string {
	var pairs []string
	add := func(k, v string) { pairs = append(pairs, percent(k)+"="+percent(v)) }
	for k, vs := range r.URL.Query() {
		for _, v := range vs {
			add(k, v)
		}
	}
	if mediaType(r.Header.Get("Content-Type")) == formType {
		form, _ := url.ParseQuery(string(body)) // what does not parse gives another signature
		for k, vs := range form {
			for _, v := range vs {
				add(k, v)
			}
		}
	}
	for k, v := range oauth {
		if k != "realm" && k != "oauth_signature" {
			add(k, v)
		}
	}
	slices.Sort(pairs)
	host := strings.ToLower(r.URL.Host)
	host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
	uri := strings.ToLower(r.URL.Scheme) + "://" + host + cmp.Or(r.URL.EscapedPath(), "/")
	return r.Method + "&" + percent(uri) + "&" + percent(strings.Join(pairs, "&"))
}

// oauthSignature signs by a method of section 3.4, or HMAC-SHA256.
func oauthSignature(method, base, consumerSecret, tokenSecret string) (string, bool) {
	key := percent(consumerSecret) + "&" + percent(tokenSecret)
	mac := hmac.New(sha1.New, []byte(key))
	switch method {
	case "PLAINTEXT":
		return key, true
	case "HMAC-SHA1":
	case "HMAC-SHA256":
		mac = hmac.New(sha256.New, []byte(key))
	default:
		return "", false
	}
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), true
}

// checkOAuth1 checks a signed request: consumer, method, time, nonce, signature.
// Want are the other protocol parameters, by name.
func (d *Dialect) checkOAuth1(h *hit, method, tokenSecret string, want map[string]string) (map[string]string, []string) {
	got := h.r.Header.Values("Authorization")
	if len(got) != 1 {
		return nil, []string{fmt.Sprintf("there are %d authorization headers, want one", len(got))}
	}
	o, ok := oauthHeader(got[0])
	if !ok {
		return nil, []string{fmt.Sprintf("header authorization is %q, want OAuth parameters", got[0])}
	}
	var bad []string
	same := func(name, w string) {
		if o[name] != w {
			bad = append(bad, fmt.Sprintf("%s is %q, want %q", name, o[name], w))
		}
	}
	same("oauth_consumer_key", d.in.ClientID)
	for _, name := range sortedKeys(want) {
		same(name, want[name])
	}
	if v, there := o["oauth_version"]; there && v != "1.0" {
		bad = append(bad, fmt.Sprintf("oauth_version is %q", v))
	}
	used := o["oauth_signature_method"]
	if used != method && (method != "PLAINTEXT" || h.role != "api") {
		// Of the API, an entry with PLAINTEXT says nothing that is sure.
		bad = append(bad, fmt.Sprintf("oauth_signature_method is %q, want %q", used, method))
	}
	if used != "PLAINTEXT" {
		bad = append(bad, d.checkNonce(o)...)
	}
	for name := range o {
		if _, asked := want[name]; !asked && !oauthNames[name] {
			bad = append(bad, name+" is not asked for")
		}
	}
	sig, ok := oauthSignature(used, signatureBase(h.r, h.body, o), d.in.ClientSecret, tokenSecret)
	if !ok || sig != o["oauth_signature"] {
		bad = append(bad, fmt.Sprintf("oauth_signature is %q, want %q", o["oauth_signature"], sig))
	}
	return o, bad
}

var oauthNames = map[string]bool{
	"oauth_consumer_key": true, "oauth_nonce": true, "oauth_signature": true, "oauth_signature_method": true,
	"oauth_timestamp": true, "oauth_version": true,
}

func (d *Dialect) checkNonce(o map[string]string) []string {
	var bad []string
	n, err := strconv.ParseInt(o["oauth_timestamp"], 10, 64)
	at := time.Unix(n, 0)
	if err != nil || at.Before(d.now().Add(-clockSkew)) || at.After(d.now().Add(clockSkew)) {
		bad = append(bad, fmt.Sprintf("oauth_timestamp is %q", o["oauth_timestamp"]))
	}
	nonce := "nonce:" + o["oauth_timestamp"] + ":" + o["oauth_nonce"]
	if o["oauth_nonce"] == "" || d.grants.states[nonce] {
		bad = append(bad, fmt.Sprintf("oauth_nonce %q is missing or was used before", o["oauth_nonce"]))
	}
	d.grants.states[nonce] = true
	return bad
}

func (d *Dialect) oauth1Method() string {
	return cmp.Or(textOf(d.entry["signature_method"]), "HMAC-SHA1")
}

// oauth1Request gives temporary credentials (section 2.1).
func (d *Dialect) oauth1Request(h *hit) Answer {
	callback := ""
	if o, ok := oauthHeader(h.r.Header.Get("Authorization")); ok {
		callback = o["oauth_callback"]
	}
	_, bad := d.checkOAuth1(h, d.oauth1Method(), "", map[string]string{"oauth_callback": callback})
	if err := checkRedirectURI(callback); err != nil || callback == "" {
		bad = append(bad, fmt.Sprintf("oauth_callback is %q", callback))
	}
	bad = append(bad, d.oauth1Parameters(h, templateMap(d.entry["request_params"]))...)
	if a := d.refuse(h, bad); a != nil {
		return *a
	}
	token := d.grants.text("rq-")
	d.grants.requests[token] = &requestToken{secret: d.grants.text("rs-"), callback: callback}
	return formAnswer(url.Values{
		"oauth_token": {token}, "oauth_token_secret": {d.grants.requests[token].secret}, "oauth_callback_confirmed": {"true"},
	})
}

// refuse records problems and makes the refusal, or returns nil.
func (d *Dialect) refuse(h *hit, bad []string) *Answer {
	if h.r.Method != http.MethodPost {
		bad = append(bad, "the method is "+h.r.Method+", want POST")
	}
	for _, b := range bad {
		d.problem(h.role, "%s", b)
	}
	if len(bad) == 0 {
		return nil
	}
	a := textAnswer(http.StatusUnauthorized, "see Problems")
	return &a
}

func formAnswer(v url.Values) Answer {
	return Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {formType}}, Body: []byte(v.Encode())}
}

// oauth1Parameters compares the parameters of the query and of the body.
func (d *Dialect) oauth1Parameters(h *hit, want map[string]string) []string {
	got := h.r.URL.Query()
	if len(h.body) > 0 {
		form, err := url.ParseQuery(string(h.body))
		if err != nil {
			return []string{"the body is no form"}
		}
		for k, v := range form {
			got[k] = append(got[k], v...)
		}
	}
	for k, v := range h.url.Query() {
		want[k] = v[0]
	}
	return d.newView(h.r, h.body).parameters("parameter", want, got, func(n string) bool { return d.allows(h.role, n) })
}

// visitOAuth1 plays the consent page (section 2.2).
func (d *Dialect) visitOAuth1(raw string) (url.Values, error) {
	const role = "authorize"
	u, err := url.Parse(raw)
	page := d.expandURL(textOf(d.entry["authorization_url"]))
	if err != nil || page == nil {
		return nil, fmt.Errorf("%w: the authorization URL does not parse", errDialect)
	}
	if !sameEndpoint(page, u) {
		d.problem(role, "the page is %s, want %s", u, page)
	}
	q := u.Query()
	token := d.grants.requests[q.Get("oauth_token")]
	if token == nil || token.verifier != "" {
		return nil, fmt.Errorf("%w: %s: oauth_token %q is none, or was used", errDialect, d.name, q.Get("oauth_token"))
	}
	want := templateMap(d.entry["authorization_params"])
	want["oauth_token"] = q.Get("oauth_token")
	if s := d.scope(); s != "" {
		want["scope"] = s
	}
	for k, v := range page.Query() {
		want[k] = v[0]
	}
	allowed := func(n string) bool {
		return n == "oauth_callback" && q.Get(n) == token.callback || n == "scope" && q.Get(n) == "" || d.allows(role, n)
	}
	for _, bad := range d.newView(nil, nil).parameters("parameter", want, q, allowed) {
		d.problem(role, "%s", bad)
	}
	token.verifier = d.grants.text("v-")
	back := callbackQuery(token.callback)
	back.Set("oauth_token", q.Get("oauth_token"))
	back.Set("oauth_verifier", token.verifier)
	d.metadata(back)
	return back, nil
}

// oauth1Access gives token credentials (section 2.3).
func (d *Dialect) oauth1Access(h *hit) Answer {
	o, _ := oauthHeader(h.r.Header.Get("Authorization"))
	token := d.grants.requests[o["oauth_token"]]
	if token == nil {
		a := d.refuse(h, []string{fmt.Sprintf("oauth_token is %q, which was never given", o["oauth_token"])})
		return *a
	}
	want := map[string]string{"oauth_token": o["oauth_token"], "oauth_verifier": token.verifier}
	_, bad := d.checkOAuth1(h, d.oauth1Method(), token.secret, want)
	if token.used || token.verifier == "" {
		bad = append(bad, "the request token was used before, or was not authorized")
	}
	bad = append(bad, d.oauth1Parameters(h, templateMap(d.entry["token_params"]))...)
	if a := d.refuse(h, bad); a != nil {
		return *a
	}
	token.used = true
	a := d.newAccess(0)
	a.secret = d.grants.text("ts-")
	return formAnswer(url.Values{"oauth_token": {a.value}, "oauth_token_secret": {a.secret}})
}

// signedAPI checks an API request of OAUTH1 and TBA.
func (d *Dialect) signedAPI(h *hit) (*issued, []string) {
	var token *issued
	o, _ := oauthHeader(h.r.Header.Get("Authorization"))
	secret, method := d.in.Credentials["token_secret"], "HMAC-SHA256"
	want := map[string]string{"oauth_token": d.in.Credentials["token_id"], "realm": d.realm()}
	if d.mode == "OAUTH1" {
		for _, a := range d.grants.access {
			if a.value == o["oauth_token"] {
				token = a
			}
		}
		if token == nil {
			return nil, []string{fmt.Sprintf("oauth_token is %q, which was never issued", o["oauth_token"])}
		}
		secret, method, want = token.secret, d.oauth1Method(), map[string]string{"oauth_token": token.value}
	}
	_, bad := d.checkOAuth1(h, method, secret, want)
	v := d.newView(h.r, h.body)
	p := d.placement()
	delete(p.headers, "authorization")
	bad = append(bad, v.headers(p.headers, h.r.Header)...)
	return token, bad
}

// realm is the account in the form that NetSuite has it: capitals, and an
// underscore for the dash.
func (d *Dialect) realm() string {
	id, _ := d.configValue("accountId")
	return strings.Replace(strings.ToUpper(id), "-", "_", 1)
}
