package tieline

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/sign"
	"github.com/tieline/tieline/internal/spec"
)

// awsMode signs requests with AWS Signature Version 4, under temporary keys for a
// role of the user's account. The keys come from STS AssumeRole
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html) or from an
// endpoint of the application's own.
type awsMode struct{}

const (
	awsSession = time.Hour

	// maxExternalID is AssumeRole's bound, in bytes.
	maxExternalID = 1224
)

var awsRegion = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9-]{1,64}$`) })

func (m awsMode) Create(ctx context.Context, s *Subject) (Grant, error) {
	cred := *s.private.cred.(*AWS)
	v, err := checkFields(s.provider.Credentials, map[string]string{"role_arn": cred.RoleARN})
	if err != nil {
		return Grant{}, err
	}
	cred.RoleARN = v["role_arn"]
	cred.Region = cmp.Or(cred.Region, s.config["region"], s.config["defaultRegion"])
	switch {
	case cred.RoleARN == "":
		return Grant{}, &FieldError{Field: "credential.role_arn", Reason: "is required"}
	case cred.Region == "":
		return Grant{}, &FieldError{Field: "credential.region", Reason: "is required"}
	case !awsRegion().MatchString(cred.Region):
		return Grant{}, &FieldError{Field: "credential.region", Reason: "must be lower-case letters, digits and -"}
	case !awsRegion().MatchString(s.config["service"]):
		return Grant{}, &FieldError{Field: "config.service", Reason: "must be lower-case letters, digits and -"}
	}
	if err := checkText("credential.external_id", cred.ExternalID, 0, maxExternalID, printableASCII); err != nil {
		return Grant{}, err
	}
	if cred.ExternalID == "" {
		// The owner of the role was told the one there is.
		old, err := s.core.storedCredential(ctx, s.key, s.id)
		if err != nil {
			return Grant{}, err
		}
		if before, ok := old.(*AWS); ok && before.RoleARN == cred.RoleARN {
			cred.ExternalID = before.ExternalID
		}
	}
	if cred.ExternalID == "" {
		if cred.ExternalID, err = s.Random(16); err != nil {
			return Grant{}, err
		}
	}
	g, err := m.Refresh(ctx, s.withCredential(&cred))
	if err != nil {
		return Grant{}, err
	}
	g.Captured = map[string]string{"region": cred.Region, "service": s.config["service"], "external_id": cred.ExternalID}
	return g, nil
}

func (awsMode) CanRefresh(*Subject) bool { return true }

func (awsMode) Refresh(ctx context.Context, s *Subject) (Grant, error) {
	next := *s.private.cred.(*AWS)
	began := s.core.now()
	call, err := s.awsCall(&next)
	if err != nil {
		return Grant{}, badData(err)
	}
	answer, failure := s.login(ctx, call)
	if failure != nil {
		return Grant{}, stsRefused(failure)
	}
	find := func(names ...string) string {
		for _, below := range []string{"", "credentials.", "Credentials.", "AssumeRoleResponse.AssumeRoleResult.Credentials."} {
			for _, name := range names {
				if v, _ := answer.path(below + name); v != "" {
					return v
				}
			}
		}
		return ""
	}
	next.AccessKeyID = find("AccessKeyId", "accessKeyId", "access_key_id")
	next.SecretAccessKey = NewSecret(find("SecretAccessKey", "secretAccessKey", "secret_access_key"))
	next.SessionToken = NewSecret(find("SessionToken", "sessionToken", "session_token"))
	session := next.SessionToken.Reveal()
	if !isToken(next.AccessKeyID) || !isToken(next.SecretAccessKey.Reveal()) || session != "" && !isToken(session) {
		return Grant{}, &TokenError{Class: ClassTransient, Status: http.StatusOK, Code: "no_token"}
	}
	next.ExpiresAt = began.Add(awsSession)
	if text := find("Expiration", "expiration", "expires_at", "expiresAt"); text != "" {
		if at := oauth.Moment(text, began); at.After(began) {
			next.ExpiresAt = at
		}
	}
	next.Raw = NewSecret(answer.raw)
	return Grant{Credential: &next, IssuedAt: began, answered: s.core.now()}, nil
}

// stsRefused corrects the class of what STS answers: 400 and 403 whatever it is
// about (https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html).
func stsRefused(failure *TokenError) *TokenError {
	switch failure.Code {
	case "Throttling", "ThrottlingException", "RequestLimitExceeded":
		failure.Class = ClassTransient
	case "InvalidClientTokenId", "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken",
		"ExpiredToken", "ExpiredTokenException", "RequestExpired", "OptInRequired", "RegionDisabledException":
		failure.Class = ClassConfig // the application's own keys, its clock or its account
	}
	return failure
}

// awsCall is the request for new keys.
func (s *Subject) awsCall(cred *AWS) (loginCall, error) {
	if s.config["stsMode"] == "custom" {
		return s.awsEndpoint(cred)
	}
	id, secret := s.config["awsAccessKeyId"], s.config["awsSecretAccessKey"]
	if id == "" || secret == "" {
		return loginCall{}, &FieldError{Field: "config.awsAccessKeyId", Reason: "is required, with awsSecretAccessKey"}
	}
	form := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {cred.RoleARN}, "RoleSessionName": {"tieline"},
		"DurationSeconds": {"3600"}, "ExternalId": {cred.ExternalID},
	}
	target := &url.URL{Scheme: "https", Host: "sts." + cred.Region + awsDomain(cred.Region), Path: "/"}
	body := form.Encode()
	req, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(body))
	if err != nil {
		return loginCall{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	v4 := sign.SigV4{AccessKeyID: id, SecretAccessKey: secret, Region: cred.Region, Service: "sts"}
	if err := v4.Sign(req, sign.HashBody([]byte(body)), s.core.now()); err != nil {
		return loginCall{}, &FieldError{Field: "config.awsAccessKeyId", Reason: "cannot be signed with"}
	}
	params := spec.Value{Kind: spec.Object}
	for name := range form {
		params.Map = append(params.Map, spec.Member{Name: name, Value: spec.Value{Kind: spec.String, Text: form.Get(name)}})
	}
	return loginCall{method: http.MethodPost, url: target, format: spec.BodyForm, params: params, headers: req.Header}, nil
}

// awsDomain is the one of the partition that a region is in.
func awsDomain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return ".amazonaws.com.cn"
	}
	return ".amazonaws.com"
}

// awsEndpoint is the request to an endpoint of the application's own.
func (s *Subject) awsEndpoint(cred *AWS) (loginCall, error) {
	target, err := url.Parse(s.config["stsEndpointUrl"])
	if err != nil || target.Scheme != "https" || target.Host == "" || target.User != nil {
		return loginCall{}, &FieldError{Field: "config.stsEndpointUrl", Reason: "must be an https URL"}
	}
	h := http.Header{}
	switch s.config["stsAuthType"] {
	case "api_key":
		if name := s.config["stsAuthHeader"]; name != "" && !isHeaderName(name) {
			return loginCall{}, &FieldError{Field: "config.stsAuthHeader", Reason: "must be the name of a header"}
		}
		h.Set(cmp.Or(s.config["stsAuthHeader"], "x-api-key"), s.config["stsApiKey"])
	case "basic":
		h.Set("Authorization", basicAuth(s.config["stsAuthUsername"], s.config["stsAuthPassword"]))
	}
	return loginCall{
		method: http.MethodPost, url: target, format: spec.BodyJSON, headers: h,
		params: textObject("role_arn", cred.RoleARN, "external_id", cred.ExternalID, "region", cred.Region, "service", s.config["service"]),
	}, nil
}

func (awsMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	if err := s.attachParts(req, func(http.Header) {}); err != nil {
		return err
	}
	cred := s.private.cred.(*AWS)
	service := s.config["service"]
	hash := sign.UnsignedPayload
	if service != "s3" || !hasBody(req) || req.GetBody != nil {
		// S3 alone takes a body that nobody has read yet.
		body, err := peekBody(req)
		if err != nil {
			return err
		}
		hash = sign.HashBody(body)
	}
	v4 := sign.SigV4{
		AccessKeyID: cred.AccessKeyID, SecretAccessKey: cred.SecretAccessKey.Reveal(), SessionToken: cred.SessionToken.Reveal(),
		Region: cred.Region, Service: service,
	}
	if err := v4.Sign(req, hash, s.core.now()); err != nil {
		return &FieldError{Field: "request", Reason: strings.TrimPrefix(err.Error(), "sign: ")}
	}
	return nil
}
