package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
)

// SafeError keeps the errors whose text cannot hold a part of the request or
// the answer. net/http quotes bytes of a malformed response in its own.
func SafeError(ctx context.Context, err error) error {
	var (
		op     *net.OpError
		dns    *net.DNSError
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
		alert  tls.AlertError
		host   x509.HostnameError
	)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &op):
		return op
	case errors.As(err, &cert):
		return cert
	case errors.As(err, &host):
		return host
	case errors.As(err, &record):
		return errors.New("the server does not speak TLS")
	case errors.As(err, &alert):
		return alert
	case errors.Is(err, ErrForbidden):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	default:
		return errors.New("the connection failed")
	}
}
