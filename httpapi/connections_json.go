package httpapi

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/tieline/tieline"
)

// listedJSON is a connection as listings show it.
func listedJSON(c tieline.Connection) map[string]any {
	return map[string]any{
		"id": c.Number, "connection_id": c.ID, "provider_config_key": c.Integration, "provider": c.Provider,
		"errors": connectionErrors(c), "end_user": endUserJSON(c.EndUser), "tags": tagsJSON(c.Tags),
		"metadata": metadataJSON(c.Metadata), "created": timestamp(c.CreatedAt),
	}
}

// connectionJSON is a whole connection, with these credentials.
func connectionJSON(c tieline.Connection, credentials any) map[string]any {
	out := listedJSON(c)
	delete(out, "created")
	config := maps.Clone(c.Captured) // gives way to what was configured
	if config == nil {
		config = map[string]string{}
	}
	maps.Copy(config, c.Config)
	out["connection_config"] = config
	out["webhook_url_override"] = orNull(c.WebhookURL)
	out["created_at"], out["updated_at"] = timestamp(c.CreatedAt), timestamp(c.UpdatedAt)
	out["last_fetched_at"] = timeOrNull(c.FetchedAt)
	out["credentials"] = credentials
	return out
}

// connectionErrors names, in the place of an entry of a log that clients could look
// up, the code of the failure.
func connectionErrors(c tieline.Connection) []map[string]string {
	if c.LastError == nil {
		return []map[string]string{}
	}
	return []map[string]string{{"type": "auth", "log_id": c.LastError.Code}}
}

func endUserJSON(u *tieline.EndUser) any {
	if u == nil {
		return nil
	}
	out := map[string]any{"id": u.ID, "display_name": orNull(u.DisplayName), "email": orNull(u.Email), "tags": nil, "organization": nil}
	if len(u.Tags) > 0 {
		out["tags"] = u.Tags
	}
	if o := u.Organization; o != nil {
		out["organization"] = map[string]any{"id": o.ID, "display_name": orNull(o.DisplayName)}
	}
	return out
}

func tagsJSON(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}

func metadataJSON(m json.RawMessage) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return timestamp(t)
}

// readableCredential is what a caller gets of a credential: without its refresh
// tokens, unless they were asked for.
func (s *server) readableCredential(c tieline.Connection, cred tieline.Credential, refreshTokens bool) any {
	out := credentialJSON(cred)
	if refreshTokens {
		return out
	}
	if _, text := out["raw"].(string); text { // it could be anywhere in there
		delete(out, "raw")
	}
	if cred.Type() == tieline.ModeTwoStep {
		if p, err := s.client.Providers.Get(c.Provider); err == nil {
			withoutPath(out["raw"], refreshTokenPath(p))
		}
	}
	return withoutRefreshTokens(out)
}
