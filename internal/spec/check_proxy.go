package spec

import (
	"fmt"
	"strings"

	"github.com/tieline/tieline/internal/template"
)

// errorCode is what an element of retry.error_code looks like.
var errorCode = lazyRegexp(`^[1-5][0-9]{2}$|^[1-5]xx$|^[1-5][0-9]{2}-[1-5][0-9]{2}$`)

// checkProxy checks how the API is called.
func (c *checker) checkProxy(e *Entry) {
	p := c.p
	if p.AuthMode == APIKey && !c.attached(e) {
		if p.IntegrationConfig != nil {
			c.doubt("proxy", "key-in-code", "no template attaches the API key; the integration config has to say where it goes")
		} else {
			c.reject("proxy", "key-not-attached", "no template attaches the API key to requests")
		}
	}
	if p.Proxy == nil {
		if p.AuthMode != None && p.AuthMode != MCPOAuth2Generic {
			c.doubt("", "no-proxy", "without a proxy key nothing says where the API is")
		}
		return
	}
	if p.Proxy.BaseURL == "" {
		c.doubt("proxy", "no-proxy", "without a base_url nothing says where the API is")
	}
	c.checkVerification(p.Proxy.Verification)
	c.checkRetry(p.Proxy.Retry)
	c.checkPaginate(p.Proxy.Paginate)
}

// attached reports whether anything that is sent has the API key in it.
func (c *checker) attached(*Entry) bool {
	for r := range c.used {
		if r == (template.Ref{Name: "apiKey"}) || r == (template.Ref{Space: spaceCredential, Name: "apiKey"}) {
			return true
		}
	}
	return false
}

func (c *checker) checkVerification(v *ProxyVerify) {
	if v == nil {
		return
	}
	const path = "proxy.verification"
	if c.p.AuthMode == None {
		c.doubt(path, "no-effect", "there is no credential to verify")
	}
	c.choice(Rejected, path+".method", strings.ToUpper(v.Method), "GET", "POST")
	if len(v.Endpoints) == 0 {
		c.doubt(path, "missing-key", "a verification needs endpoints")
	}
	if c.p.Proxy.BaseURL == "" && v.BaseURLOverride == "" {
		c.doubt(path, "missing-key", "a verification needs a base URL")
	}
}

func (c *checker) checkRetry(r *Retry) {
	if r == nil {
		return
	}
	const path = "proxy.retry"
	if len(r.At) > 0 && len(r.After) > 0 {
		c.doubt(path, "retry-both", "both at and after are there; at wins where both headers are sent")
	}
	if r.Remaining != "" && len(r.At) == 0 && len(r.After) == 0 && r.InBody == nil {
		c.doubt(path+".remaining", "retry-no-wait", "nothing says how long to wait when no calls remain")
	}
	for i, code := range r.ErrorCode {
		if _, ok := codesOf(code); !ok {
			c.doubt(fmt.Sprintf("%s.error_code[%d]", path, i), "bad-value", "a status such as 429, 5xx or 500-502 is expected")
		}
	}
	b := r.InBody
	if b == nil {
		return
	}
	c.choice(Doubtful, path+".in_body.strategy", b.Strategy, "at", "after")
	if b.Path == "" || b.Value == "" || b.Strategy == "" {
		c.doubt(path+".in_body", "missing-key", "path, value and strategy are all needed")
	}
	if re, err := compilePattern(b.Value); err != nil {
		c.doubt(path+".in_body.value", "pattern-invalid", "the pattern is not one that RE2 can match")
	} else if re.NumSubexp() < 1 {
		c.doubt(path+".in_body.value", "bad-value", "the pattern has no group for the value")
	}
}

func (c *checker) checkPaginate(p *Paginate) {
	if p == nil {
		return
	}
	const path = "proxy.paginate"
	switch p.Type {
	case "link", "cursor", "offset":
		if !p.Works() {
			c.doubt(path, "paginate-incomplete", fmt.Sprintf("pagination of type %s lacks the keys it needs and is left out", p.Type))
		}
	default:
		c.doubt(path, "paginate-incomplete", "pagination needs a type: link, cursor or offset; it is left out")
	}
	c.choice(Doubtful, path+".offset_calculation_method", p.OffsetCalculationMethod, "by-response-size", "per-page")
	if p.OffsetStartValue != nil && *p.OffsetStartValue < 0 {
		c.doubt(path+".offset_start_value", "bad-value", "the number is negative")
	}
}
