package providertest

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var sigV4Form = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`)

// sigV4 is a Signature Version 4 as it stands in the Authorization header.
type sigV4 struct {
	keyID, date, region, service, signature string
	headers                                 []string
}

func parseSigV4(header string) (sigV4, bool) {
	m := sigV4Form.FindStringSubmatch(header)
	if m == nil {
		return sigV4{}, false
	}
	return sigV4{keyID: m[1], date: m[2], region: m[3], service: m[4], headers: strings.Split(m[5], ";"), signature: m[6]}, true
}

// sign computes the signature of a request by the signing steps of AWS Signature
// Version 4: canonical request, text to sign, derived key.
func (s *sigV4) sign(r *http.Request, body []byte, secret string) string {
	var headers strings.Builder
	for _, name := range s.headers {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = cmp.Or(r.Host, r.URL.Host)
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	payload := r.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		payload = hexSum(string(body))
	}
	request := strings.Join([]string{
		r.Method, s.path(r.URL), canonicalQuery(r.URL.Query()), headers.String(), strings.Join(s.headers, ";"), payload,
	}, "\n")
	scope := strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), scope, hexSum(request)}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// path is the canonical URI: escaped twice, but once for S3.
func (s *sigV4) path(u *url.URL) string {
	once := func(path string) string {
		parts := strings.Split(path, "/")
		for i, p := range parts {
			parts[i] = percent(p)
		}
		return cmp.Or(strings.Join(parts, "/"), "/")
	}
	if s.service == "s3" {
		return once(u.Path)
	}
	return once(once(u.Path))
}

func canonicalQuery(q url.Values) string {
	var pairs []string
	for k, vs := range q {
		for _, v := range vs {
			pairs = append(pairs, percent(k)+"="+percent(v))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// awsKey is who may sign for what.
type awsKey struct{ id, secret, session, region, service string }

// checkSigV4 checks a signed request.
func (d *Dialect) checkSigV4(r *http.Request, body []byte, k awsKey) []string {
	s, ok := parseSigV4(r.Header.Get("Authorization"))
	if !ok {
		return []string{fmt.Sprintf("header authorization is %q, want a Signature Version 4", r.Header.Get("Authorization"))}
	}
	var bad []string
	same := func(what, got, want string) {
		if got != want {
			bad = append(bad, fmt.Sprintf("%s is %q, want %q", what, got, want))
		}
	}
	same("the access key", s.keyID, k.id)
	same("the region", s.region, k.region)
	same("the service", s.service, k.service)
	same("header x-amz-security-token", r.Header.Get("X-Amz-Security-Token"), k.session)
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || at.Before(d.now().Add(-clockSkew)) || at.After(d.now().Add(clockSkew)) {
		bad = append(bad, fmt.Sprintf("header x-amz-date is %q", r.Header.Get("X-Amz-Date")))
	}
	if len(r.Header.Get("X-Amz-Date")) < 8 || s.date != r.Header.Get("X-Amz-Date")[:8] {
		bad = append(bad, fmt.Sprintf("the scope's date is %q", s.date))
	}
	if !slices.Contains(s.headers, "host") || !slices.IsSorted(s.headers) {
		bad = append(bad, fmt.Sprintf("the signed headers are %q, want host among them, sorted", s.headers))
	}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !slices.Contains(s.headers, lower) {
			bad = append(bad, "header "+lower+" is not signed")
		}
	}
	if p := r.Header.Get("X-Amz-Content-Sha256"); p != "" && p != "UNSIGNED-PAYLOAD" && p != hexSum(string(body)) {
		bad = append(bad, "header x-amz-content-sha256 is not that of the body")
	}
	same("the signature", s.signature, s.sign(r, body, k.secret))
	return bad
}

// sigV4Header checks a header whose template is a call of awsSigV4(key, secret,
// region, service[, host]).
func (d *Dialect) sigV4Header(h *hit, v *view, template string) []string {
	p, err := parsePattern(template)
	if err != nil || len(p) != 1 || len(p[0].args) < 4 {
		return []string{fmt.Sprintf("the template %q is not understood", template)}
	}
	var args []string
	for _, a := range p[0].args {
		text, missing := a.eval(v.get)
		if len(missing) > 0 {
			return []string{fmt.Sprintf("nothing tells the value of %s", strings.Join(missing, ", "))}
		}
		args = append(args, text)
	}
	bad := d.checkSigV4(h.r, h.body, awsKey{id: args[0], secret: args[1], region: args[2], service: args[3]})
	if len(args) > 4 && !strings.EqualFold(h.r.URL.Host, args[4]) {
		bad = append(bad, fmt.Sprintf("the host is %q, want %q", h.r.URL.Host, args[4]))
	}
	return bad
}

// sigV4API checks an API request of AWS_SIGV4 with the temporary key it names.
func (d *Dialect) sigV4API(h *hit) (*issued, []string) {
	s, _ := parseSigV4(h.r.Header.Get("Authorization"))
	for _, a := range d.grants.access {
		if a.value == s.keyID {
			v := d.newView(h.r, h.body)
			bad := v.headers(d.placement().headers, h.r.Header)
			if h.r.Header.Get("X-Amz-Content-Sha256") == "" {
				bad = append(bad, "header x-amz-content-sha256 is missing")
			}
			return a, append(bad, d.checkSigV4(h.r, h.body, d.temporary(a))...)
		}
	}
	return nil, []string{fmt.Sprintf("the access key %q was never issued", s.keyID)}
}

func (d *Dialect) temporary(a *issued) awsKey {
	region, _ := d.configValue("region")
	return awsKey{id: a.value, secret: a.secret, session: a.extra["session"], region: region, service: d.in.IntegrationConfig["service"]}
}

// planSTS plans where temporary keys come from.
func (d *Dialect) planSTS() {
	if d.in.IntegrationConfig["stsMode"] == "custom" {
		d.add("sts", d.in.IntegrationConfig["stsEndpointUrl"], d.customSTS)
		return
	}
	region, _ := d.configValue("region")
	d.add("sts", "https://sts."+region+".amazonaws.com/", d.assumeRole)
}

// assumeRole answers STS AssumeRole and GetCallerIdentity.
func (d *Dialect) assumeRole(h *hit) Answer {
	q := h.r.URL.Query()
	if form, err := url.ParseQuery(string(h.body)); err == nil && h.r.Method == http.MethodPost {
		for k, v := range form {
			q[k] = v
		}
	}
	region, _ := d.configValue("region")
	if q.Get("Action") == "GetCallerIdentity" {
		return d.callerIdentity(h, region)
	}
	owner := awsKey{
		id: d.in.IntegrationConfig["awsAccessKeyId"], secret: d.in.IntegrationConfig["awsSecretAccessKey"],
		region: region, service: "sts",
	}
	bad := d.checkSigV4(h.r, h.body, owner)
	want := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {d.in.Credentials["role_arn"]},
		"DurationSeconds": {"3600"}, "ExternalId": {q.Get("ExternalId")}, "RoleSessionName": {q.Get("RoleSessionName")},
	}
	bad = append(bad, compareValues("parameter", want, q, nil)...)
	bad = append(bad, d.checkExternal(q.Get("ExternalId"))...)
	if n := q.Get("RoleSessionName"); len(n) < 2 || len(n) > 64 {
		bad = append(bad, fmt.Sprintf("parameter RoleSessionName is %q, want 2 to 64 characters", n))
	}
	if len(bad) > 0 {
		for _, b := range bad {
			d.problem(h.role, "%s", b)
		}
		return textAnswer(http.StatusForbidden, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
	}
	a := d.newKey()
	object := map[string]any{"AssumeRoleResponse": map[string]any{"AssumeRoleResult": map[string]any{"Credentials": map[string]any{
		"AccessKeyId": a.value, "SecretAccessKey": a.secret, "SessionToken": a.extra["session"],
		"Expiration": a.expires.UTC().Format(time.RFC3339),
	}}}}
	if mediaType(h.r.Header.Get("Accept")) == jsonType {
		return jsonAnswer(http.StatusOK, object)
	}
	return Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Body: xmlText(object)}
}

func (d *Dialect) callerIdentity(h *hit, region string) Answer {
	s, _ := parseSigV4(h.r.Header.Get("Authorization"))
	for _, a := range d.grants.access {
		if a.value != s.keyID {
			continue
		}
		k := d.temporary(a)
		k.region, k.service = region, "sts"
		for _, bad := range d.checkSigV4(h.r, h.body, k) {
			d.problem(h.role, "%s", bad)
		}
		return Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Body: xmlText(map[string]any{
			"GetCallerIdentityResponse": map[string]any{"GetCallerIdentityResult": map[string]any{"Account": "123456789012"}},
		})}
	}
	d.problem(h.role, "the access key %q was never issued", s.keyID)
	return textAnswer(http.StatusForbidden, "see Problems")
}

// checkExternal checks the external ID: there, and the same each time.
func (d *Dialect) checkExternal(id string) []string {
	want := cmp.Or(d.in.Config["external_id"], d.grants.external)
	switch {
	case id == "":
		return []string{"the external ID is missing"}
	case want != "" && id != want:
		return []string{fmt.Sprintf("the external ID is %q, want %q as before", id, want)}
	}
	d.grants.external = id
	return nil
}

func (d *Dialect) newKey() *issued {
	a := d.newAccess(tokenLife)
	a.value = "ASIA" + randomText(d.grants.r, 16, "ABCDEFGHIJKLMNOP234567")
	a.secret = randomText(d.grants.r, 38, alphanumeric) + "+/"
	a.extra = map[string]string{"session": d.grants.text("st")}
	return a
}

// customSTS answers the integration's own endpoint for temporary keys.
func (d *Dialect) customSTS(h *hit) Answer {
	before := len(d.problems)
	if h.r.Method != http.MethodPost {
		d.problem(h.role, "the method is %s, want POST", h.r.Method)
	}
	ic := d.in.IntegrationConfig
	switch ic["stsAuthType"] {
	case "api_key":
		d.equal(h.role, "header "+ic["stsAuthHeader"], h.r.Header.Values(ic["stsAuthHeader"]), ic["stsApiKey"])
	case "basic":
		d.equal(h.role, "header authorization", h.r.Header.Values("Authorization"), basicHeader(ic["stsAuthUsername"], ic["stsAuthPassword"]))
	}
	if ic["stsAuthType"] != "basic" {
		d.noAuthorization(h)
	}
	p, _ := d.jsonParameters(h)
	region, _ := d.configValue("region")
	want := url.Values{
		"role_arn": {d.in.Credentials["role_arn"]}, "external_id": {p.Get("external_id")},
		"region": {region}, "service": {ic["service"]},
	}
	for _, bad := range append(compareValues("parameter", want, p, nil), d.checkExternal(p.Get("external_id"))...) {
		d.problem(h.role, "%s", bad)
	}
	if len(d.problems) > before {
		return jsonAnswer(http.StatusUnauthorized, map[string]any{"error": "see Problems"})
	}
	a := d.newKey()
	return d.sent(h.role, map[string]any{
		"access_key_id": a.value, "secret_access_key": a.secret, "session_token": a.extra["session"],
		"expiration": a.expires.UTC().Format(time.RFC3339),
	})
}
