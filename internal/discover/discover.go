// Package discover finds out how to authorize at a server that nobody set up
// beforehand, such as an MCP server: which authorization server protects it
// (RFC 9728), where that one's endpoints are (RFC 8414, OpenID Connect
// Discovery), and under which client it knows the application (RFC 7591, or a
// client ID metadata document).
//
// Everything it reads comes from servers that a user named, so nothing of it is
// believed before it was checked: a document counts only for the identifier it
// was asked about, and every URL in it only if it is one that Tieline would call.
// Addresses are not checked here but by the transport, which has to be a guarded
// one (see package outbound).
//
// Nothing is kept: caching is the caller's.
package discover

import "time"

const (
	// maxBody bounds an answer, in bytes. Metadata has a few thousand.
	maxBody = 1 << 20
	// maxRedirects bounds the redirects of a GET, all within one origin.
	maxRedirects = 3
	// requestTimeout bounds one request, its redirects and its body. The
	// caller's context bounds the whole.
	requestTimeout = 15 * time.Second
	// maxURL bounds a URL out of a document, in bytes.
	maxURL = 4096
)

// The steps, as errors name them.
const (
	StepResource     = "protected resource metadata"
	StepServer       = "authorization server metadata"
	StepRegistration = "registration"
	StepDocument     = "client ID metadata document"
)

// Options loosen the rules. The zero value is what the RFCs say.
type Options struct {
	// PlainLoopback allows plain http, but only to a loopback host: localhost,
	// 127.0.0.0/8 and ::1. It is for development.
	PlainLoopback bool
	// LooseSlash lets an identifier differ from the expected one by a slash at
	// its end, which RFC 8414 section 3.3 and RFC 9728 section 3.3 do not. Both
	// forms of an issuer lead to the same metadata URL (RFC 8414 section 3.1),
	// and servers in use list one form and publish the other. What such a server
	// calls itself is what [Server.Issuer] and [Resource.Resource] hold.
	LooseSlash bool
}
