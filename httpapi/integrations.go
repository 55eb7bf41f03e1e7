package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

func (s *server) integrationRoutes() []route {
	return []route{
		{method: "GET", pattern: "/integrations", access: keyOrSession, scopes: []string{ScopeIntegrationsList, ScopeIntegrationsListCredentials}, jsonOnly: true, serve: s.listIntegrations},
		{method: "POST", pattern: "/integrations", access: keyOnly, scopes: []string{ScopeIntegrationsCreate}, jsonOnly: true, serve: s.createIntegration},
		{method: "POST", pattern: "/integrations/quickstart", access: keyOnly, scopes: []string{ScopeIntegrationsCreate}, jsonOnly: true, serve: s.quickstart},
		{method: "GET", pattern: "/integrations/{key}", access: keyOnly, scopes: []string{ScopeIntegrationsRead, ScopeIntegrationsReadCredentials}, jsonOnly: true, serve: s.getIntegration},
		{method: "PATCH", pattern: "/integrations/{key}", access: keyOnly, scopes: []string{ScopeIntegrationsUpdate}, jsonOnly: true, serve: s.updateIntegration},
		{method: "DELETE", pattern: "/integrations/{key}", access: keyOnly, scopes: []string{ScopeIntegrationsDelete}, jsonOnly: true, serve: s.deleteIntegration},
	}
}

// maxIntegrations bounds a listing. A service with more has to list by the Go API.
const maxIntegrations = 10_000

// timestamp is how times look: ISO 8601 in UTC, to the millisecond.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (s *server) logo(provider string) string {
	if url := s.client.Integrations.LogoURL(provider); url != "" {
		return url
	}
	return s.options.PublicURL + "/images/template-logos/" + url.PathEscape(provider) + ".svg"
}

// integrationJSON is the public shape of an integration.
func (s *server) integrationJSON(in tieline.Integration) map[string]any {
	return map[string]any{
		"unique_key": in.Key, "provider": in.Provider, "display_name": in.DisplayName, "logo": s.logo(in.Provider),
		"forward_webhooks": in.ForwardWebhooks, "created_at": timestamp(in.CreatedAt), "updated_at": timestamp(in.UpdatedAt),
	}
}

func (s *server) listIntegrations(w http.ResponseWriter, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	who := callerOf(r)
	found, err := s.sortedIntegrations(r, func(in tieline.Integration) bool { return who.session == nil || who.session.Allows(in.Key) })
	if err != nil {
		return err
	}
	data := make([]map[string]any, len(found))
	for n, in := range found {
		data[n] = s.integrationJSON(in)
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": data})
	return nil
}

// sortedIntegrations are those that can be read and that show lets through.
func (s *server) sortedIntegrations(r *http.Request, show func(tieline.Integration) bool) ([]tieline.Integration, error) {
	var found []tieline.Integration
	for in, err := range s.client.Integrations.All(r.Context()) {
		if err != nil && in.Key == "" {
			return nil, err
		}
		if err != nil { // one that cannot be read does not hide the others
			s.log.WarnContext(r.Context(), "integration cannot be read", "integration", in.Key, "error", err.Error())
			continue
		}
		if !show(in) {
			continue
		}
		if len(found) == maxIntegrations {
			return nil, &problem{status: http.StatusUnprocessableEntity, code: "too_many_rows", message: "There are more integrations than this listing can sort"}
		}
		found = append(found, in)
	}
	slices.SortFunc(found, func(a, b tieline.Integration) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.RowID, b.RowID))
	})
	return found, nil
}

// keyInPath is the {key} of a path.
func keyInPath(r *http.Request) (string, error) {
	path := newObject(map[string]any{"uniqueKey": r.PathValue("key")}, nil)
	key := integrationKey(path, "uniqueKey")
	return key, path.err("invalid_uri_params")
}

// integration finds an integration, or answers that there is none.
func (s *server) integration(ctx context.Context, key string) (tieline.Integration, error) {
	in, err := s.client.Integrations.Get(ctx, key)
	if errors.Is(err, tieline.ErrNotFound) || errors.Is(err, tieline.ErrInvalid) {
		return in, notFound("Integration %q does not exist", key)
	}
	return in, err
}

func (s *server) getIntegration(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r.URL.Query())
	include, err := includes(q)
	if err != nil {
		return err
	}
	key, err := keyInPath(r)
	if err != nil {
		return err
	}
	in, err := s.integration(r.Context(), key)
	if err != nil {
		return err
	}
	data := s.integrationJSON(in)
	if slices.Contains(include, "webhook") {
		data["webhook_url"] = s.webhookURL(in)
	}
	if slices.Contains(include, "credentials") && callerOf(r).has(ScopeIntegrationsReadCredentials) {
		p, err := s.client.Providers.Get(in.Provider)
		if err != nil {
			return err
		}
		data["credentials"] = appJSON(in, p.AuthMode)
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": data})
	return nil
}

// includes reads include=, which may be repeated, also as include[]=.
func includes(q *object) ([]string, error) {
	var include []string
	switch v, _ := q.get("include"); v := v.(type) {
	case string:
		include = []string{v}
	case []any:
		for _, one := range v {
			text, _ := one.(string)
			include = append(include, text)
		}
	}
	for _, v := range include {
		if v != "webhook" && v != "credentials" {
			q.report("invalid_value", `Invalid option: expected one of "webhook"|"credentials"`, q.at("include"))
			break
		}
	}
	q.strict()
	return include, q.err("invalid_query_params")
}

// webhookURL is null for a provider that sends none.
func (s *server) webhookURL(in tieline.Integration) any {
	p, err := s.client.Providers.Get(in.Provider)
	if err != nil || !p.HasWebhooks {
		return nil
	}
	if configured := s.client.Integrations.WebhookURL(in.Key); configured != "" {
		return configured
	}
	return s.options.PublicURL + "/webhook/" + s.options.EnvironmentID + "/" + strings.ReplaceAll(url.QueryEscape(in.Key), "+", "%20")
}

func (s *server) deleteIntegration(w http.ResponseWriter, r *http.Request) error {
	key, err := keyInPath(r)
	if err != nil {
		return err
	}
	err = s.client.Integrations.Delete(r.Context(), key, tieline.DeleteOptions{})
	switch {
	case errors.Is(err, tieline.ErrNotFound):
		return notFound("Integration %q does not exist", key)
	case err != nil:
		return err
	}
	writeJSON(w, http.StatusOK, map[string]bool{"success": true})
	return nil
}
