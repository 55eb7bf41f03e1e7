package httpapi

import "strings"

// The scopes of keys.
const (
	ScopeIntegrationsList            = "environment:integrations:list"
	ScopeIntegrationsListCredentials = "environment:integrations:list_credentials"
	ScopeIntegrationsRead            = "environment:integrations:read"
	ScopeIntegrationsReadCredentials = "environment:integrations:read_credentials"
	ScopeIntegrationsCreate          = "environment:integrations:create"
	ScopeIntegrationsUpdate          = "environment:integrations:update"
	ScopeIntegrationsDelete          = "environment:integrations:delete"
	ScopeConnectionsList             = "environment:connections:list"
	ScopeConnectionsListCredentials  = "environment:connections:list_credentials"
	ScopeConnectionsRead             = "environment:connections:read"
	ScopeConnectionsReadCredentials  = "environment:connections:read_credentials"
	ScopeConnectionsCreate           = "environment:connections:create"
	ScopeConnectionsUpdate           = "environment:connections:update"
	ScopeConnectionsDelete           = "environment:connections:delete"
	ScopeSessionsWrite               = "environment:connect_sessions:write"
	ScopeProxy                       = "environment:proxy"
	ScopeVariablesRead               = "environment:variables:read"
	ScopeIntegrationsListFunctions   = "environment:integrations:list_functions"
	ScopeFunctionsList               = "environment:functions:list"
	ScopeFunctionsRead               = "environment:functions:read"
	ScopeFunctionsDelete             = "environment:functions:delete"
	ScopeActionsExecute              = "environment:actions:execute"
	// ScopeAll is every scope.
	ScopeAll = "*"
)

// granted reports whether one of the scopes covers the wanted one: it is the same,
// everything, or a prefix that ends in ":*".
func granted(scopes []string, want string) bool {
	for _, s := range scopes {
		prefix, wild := strings.CutSuffix(s, "*")
		if s == want || s == ScopeAll || wild && strings.HasSuffix(prefix, ":") && strings.HasPrefix(want, prefix) {
			return true
		}
	}
	return false
}

// validScope is a scope that can cover something.
func validScope(s string) bool {
	if s == ScopeAll {
		return true
	}
	name := strings.TrimSuffix(s, ":*")
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_:") == "" && !strings.HasPrefix(name, ":") && !strings.HasSuffix(name, ":")
}
