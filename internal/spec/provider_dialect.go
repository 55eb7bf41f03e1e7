package spec

// The own keys that are mappings, or lists of them, as written. What they mean
// is with the types of the same name without Raw.

// RawSuccess is the success key; see [Success].
type RawSuccess struct {
	Status    int64   `yaml:"status" json:"status,omitempty"`
	Path      string  `yaml:"path" json:"path,omitempty"`
	Equals    *string `yaml:"equals" json:"equals,omitempty"`
	NotEquals *string `yaml:"not_equals" json:"not_equals,omitempty"`
	Present   *bool   `yaml:"present" json:"present,omitempty"`
}

// RawThen is an element of the then key; see [Exchange].
type RawThen struct {
	URL            string            `yaml:"url" json:"url,omitempty"`
	Method         string            `yaml:"method" json:"method,omitempty"`
	Params         Map               `yaml:"params" json:"params,omitempty"`
	Headers        Map               `yaml:"headers" json:"headers,omitempty"`
	BodyFormat     string            `yaml:"body_format" json:"body_format,omitempty"`
	ResponseFields map[string]string `yaml:"response_fields" json:"response_fields,omitempty"`
	ExpiresInUnit  string            `yaml:"expires_in_unit" json:"expires_in_unit,omitempty"`
	Optional       bool              `yaml:"optional" json:"optional,omitempty"`
}

// RawDiscovery is an element of the discovery key; see [Discovery].
type RawDiscovery struct {
	From          string     `yaml:"from" json:"from,omitempty"`
	URL           string     `yaml:"url" json:"url,omitempty"`
	Method        string     `yaml:"method" json:"method,omitempty"`
	Headers       Map        `yaml:"headers" json:"headers,omitempty"`
	Data          Value      `yaml:"data" json:"data,omitzero"`
	Select        *RawSelect `yaml:"select" json:"select,omitempty"`
	Values        Map        `yaml:"values" json:"values,omitempty"`
	OnlyIfMissing bool       `yaml:"only_if_missing" json:"only_if_missing,omitempty"`
	Optional      bool       `yaml:"optional" json:"optional,omitempty"`
	OnRefresh     bool       `yaml:"on_refresh" json:"on_refresh,omitempty"`
	Effect        bool       `yaml:"effect" json:"effect,omitempty"`
}

// RawSelect is the select key of a discovery; see [Select].
type RawSelect struct {
	Path  string `yaml:"path" json:"path,omitempty"`
	Where Map    `yaml:"where" json:"where,omitempty"`
	First bool   `yaml:"first" json:"first,omitempty"`
	Only  bool   `yaml:"only" json:"only,omitempty"`
}

// RawUninstall is the uninstall key, and confirm_installation; see [APICall].
type RawUninstall struct {
	URL     string `yaml:"url" json:"url,omitempty"`
	Method  string `yaml:"method" json:"method,omitempty"`
	Headers Map    `yaml:"headers" json:"headers,omitempty"`
	Data    Value  `yaml:"data" json:"data,omitzero"`
}

// RawVerify is an element of the verify key; see [Check].
type RawVerify struct {
	URL     string     `yaml:"url" json:"url,omitempty"`
	Method  string     `yaml:"method" json:"method,omitempty"`
	Headers Map        `yaml:"headers" json:"headers,omitempty"`
	Data    Value      `yaml:"data" json:"data,omitzero"`
	Expect  *RawExpect `yaml:"expect" json:"expect,omitempty"`

	BodyFormat string `yaml:"body_format" json:"body_format,omitempty"`
}

// RawExpect is the expect key of a verify element; see [Expect].
type RawExpect struct {
	Status      []int64 `yaml:"status" json:"status,omitempty"`
	Path        string  `yaml:"path" json:"path,omitempty"`
	Equals      *string `yaml:"equals" json:"equals,omitempty"`
	NotContains string  `yaml:"not_contains" json:"not_contains,omitempty"`
	ContentType string  `yaml:"content_type" json:"content_type,omitempty"`
}

// RawAdditionalToken is an element of the additional_tokens key; see
// [AdditionalToken].
type RawAdditionalToken struct {
	Name           string            `yaml:"name" json:"name,omitempty"`
	ResponseFields map[string]string `yaml:"response_fields" json:"response_fields,omitempty"`
	Refresh        *RawTokenRefresh  `yaml:"refresh" json:"refresh,omitempty"`
	Optional       bool              `yaml:"optional" json:"optional,omitempty"`
}

// RawTokenRefresh is the refresh key of an additional token; see [TokenRefresh].
type RawTokenRefresh struct {
	Grant      string `yaml:"grant" json:"grant,omitempty"`
	URL        string `yaml:"url" json:"url,omitempty"`
	Method     string `yaml:"method" json:"method,omitempty"`
	Params     Map    `yaml:"params" json:"params,omitempty"`
	Headers    Map    `yaml:"headers" json:"headers,omitempty"`
	BodyFormat string `yaml:"body_format" json:"body_format,omitempty"`
	ClientAuth string `yaml:"client_auth" json:"client_auth,omitempty"`
}
