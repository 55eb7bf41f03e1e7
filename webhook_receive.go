package tieline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strconv"

	"github.com/tieline/tieline/internal/webhook"
)

// webhookHandler is what [Integrations.WebhookHandler] returns.
type webhookHandler struct {
	core    *core
	options WebhookOptions
}

// A refusal says how a delivery that is not taken is answered.
type refusal struct {
	status int
	code   string // what the sender is told
	err    error  // what the log is told; nil: nothing
}

func (r *refusal) Error() string { return r.code }

var (
	errWebhookMethod = &refusal{status: http.StatusMethodNotAllowed, code: "method_not_allowed"}
	errWebhookTarget = &refusal{status: http.StatusNotFound, code: "unknown_integration"}
	errWebhookSize   = &refusal{status: http.StatusRequestEntityTooLarge, code: "payload_too_large"}
	errWebhookBody   = &refusal{status: http.StatusBadRequest, code: "unreadable_body"}
)

// ServeHTTP takes one delivery.
func (h *webhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := webhookKey(r.URL)
	resp, err := h.take(w, r, key)
	if err == nil && (resp.Status < 200 || resp.Status > 599) {
		err = &refusal{http.StatusInternalServerError, "internal_error", fmt.Errorf("the application answered with status %d", resp.Status)}
	}
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if err != nil {
		h.refuse(w, r, key, err)
		return
	}
	for name, values := range resp.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(resp.Status)
	_, _ = w.Write(resp.Body) // the provider is gone if this fails, and will send it again
}

// webhookKey is the last segment of the path, decoded; "" if it cannot be.
func webhookKey(u *url.URL) string {
	key, err := url.PathUnescape(path.Base(u.EscapedPath()))
	if err != nil {
		return ""
	}
	return key
}

func (h *webhookHandler) take(w http.ResponseWriter, r *http.Request, key string) (WebhookResponse, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut:
	default:
		return WebhookResponse{}, errWebhookMethod
	}
	i, err := h.core.integration(r.Context(), key)
	switch {
	case errors.Is(err, ErrUnknownIntegration), errors.Is(err, ErrInvalid):
		return WebhookResponse{}, errWebhookTarget
	case err != nil:
		return WebhookResponse{}, webhookUnavailable(err)
	case r.Method == http.MethodHead:
		return WebhookResponse{Status: http.StatusOK}, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.options.MaxBody))
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return WebhookResponse{}, errWebhookSize
		}
		return WebhookResponse{}, errWebhookBody
	}
	d := webhook.Delivery{Method: r.Method, URL: h.core.calledURL(r), Header: r.Header, Body: body}
	return h.deliver(r.Context(), i, d, r.URL.Query())
}

// deliver verifies a delivery and does with it what there is to do.
func (h *webhookHandler) deliver(ctx context.Context, i *integration, d webhook.Delivery, query url.Values) (WebhookResponse, error) {
	in := &inbound{core: h.core, integration: i, verifier: h.core.verifier(i.entry), delivery: d}
	result, err := in.verify(ctx)
	if err != nil {
		return WebhookResponse{}, webhookRefusal(err)
	}
	hook := Webhook{
		Integration: i.row.Unique, Provider: i.entry.Name,
		Verified: result.Status == webhook.Verified, Reason: result.Reason, BodySigned: result.BodySigned,
		ID: result.DeliveryID, Type: result.EventType,
		Method: d.Method, Query: query, Header: d.Header, Body: d.Body, ReceivedAt: h.core.now(),
	}
	if result.Answer != nil {
		return h.answer(ctx, hook, result.Answer)
	}
	if hook.Connections, err = in.connections(ctx, result); err != nil {
		return WebhookResponse{}, webhookUnavailable(err)
	}
	resp, err := h.receive(ctx, hook)
	if err != nil {
		return WebhookResponse{}, &refusal{http.StatusInternalServerError, "internal_error", err}
	}
	if resp.Status == 0 {
		resp.Status = http.StatusOK
	}
	if h.forwards(i, hook, resp) {
		if err := h.core.forward(ctx, in.outgoing(hook)...); err != nil {
			return WebhookResponse{}, webhookUnavailable(err)
		}
	}
	return resp, nil
}

// answer gives a provider's challenge its answer. A secret that comes with it has
// to be taken, or what is signed with it could never be verified.
func (h *webhookHandler) answer(ctx context.Context, hook Webhook, a *webhook.Answer) (WebhookResponse, error) {
	resp := WebhookResponse{Status: a.Status, Header: a.Header, Body: a.Body}
	if a.Offered.IsZero() {
		return resp, nil
	}
	refused := &refusal{http.StatusForbidden, "secret_not_expected", errors.New("a webhook secret was offered that nobody takes")}
	if h.options.ReceiveSecret == nil {
		return WebhookResponse{}, refused
	}
	err := h.contained(ctx, func() error { return h.options.ReceiveSecret(ctx, hook, NewSecret(a.Offered.Reveal())) })
	if err != nil {
		refused.err = err
		return WebhookResponse{}, refused
	}
	return resp, nil
}

// receive hands a webhook to the application.
func (h *webhookHandler) receive(ctx context.Context, hook Webhook) (resp WebhookResponse, err error) {
	if h.options.Receive == nil {
		return WebhookResponse{}, nil
	}
	err = h.contained(ctx, func() (err error) {
		resp, err = h.options.Receive(ctx, hook)
		return err
	})
	return resp, err
}

var errPanicked = errors.New("the application panicked")

// contained turns a panic of the application into an error. Its value may hold
// anything, and is not shown.
func (h *webhookHandler) contained(ctx context.Context, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			h.core.log.LogAttrs(ctx, slog.LevelError, "receiving a webhook panicked", slog.String(keyStack, string(debug.Stack())))
			err = errPanicked
		}
	}()
	return f()
}

func (h *webhookHandler) forwards(i *integration, hook Webhook, resp WebhookResponse) bool {
	return i.rec.ForwardWebhooks && h.core.forwards() && !resp.Keep && resp.Status < 300 &&
		(hook.Verified || h.options.ForwardUnverified)
}

func webhookUnavailable(err error) error {
	return &refusal{http.StatusServiceUnavailable, "temporarily_unavailable", err}
}

// webhookRefusal says how a delivery that could not be verified is answered.
func webhookRefusal(err error) error {
	var e *webhook.Error
	switch {
	case errors.Is(err, webhook.ErrTooLarge):
		return errWebhookSize
	case errors.Is(err, webhook.ErrRefused) && errors.As(err, &e):
		return &refusal{http.StatusUnauthorized, "webhook_refused_" + e.Code, err}
	}
	return webhookUnavailable(err)
}

// refuse answers a delivery that is not taken.
func (h *webhookHandler) refuse(w http.ResponseWriter, r *http.Request, key string, err error) {
	no := &refusal{http.StatusServiceUnavailable, "temporarily_unavailable", err}
	errors.As(err, &no)
	switch no.status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, HEAD, POST, PUT")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "30")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.status)
	_, _ = io.WriteString(w, `{"error":`+strconv.Quote(no.code)+`}`)
	if no.err != nil && r.Context().Err() == nil {
		h.core.log.LogAttrs(r.Context(), slog.LevelWarn, "webhook refused",
			slog.String(keyIntegration, key), slog.Int(keyStatus, no.status), errorAttr(no.err))
	}
}

// calledURL is the URL as the provider called it, which some of them sign. The
// path is only known from the outside: a proxy may have changed it on the way.
func (c *core) calledURL(r *http.Request) string {
	query := ""
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		query = "?" + r.URL.RawQuery
	}
	if c.webhooks != "" {
		return c.webhooks + "/" + path.Base(r.URL.EscapedPath()) + query
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.URL.EscapedPath() + query
}
