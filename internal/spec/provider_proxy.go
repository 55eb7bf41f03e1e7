package spec

// Proxy says how the API is called.
type Proxy struct {
	BaseURL                  string       `yaml:"base_url" json:"base_url,omitempty"`
	Headers                  Map          `yaml:"headers" json:"headers,omitempty"`
	Query                    Map          `yaml:"query" json:"query,omitempty"`
	Body                     Map          `yaml:"body" json:"body,omitempty"`
	ConnectionConfig         Map          `yaml:"connection_config" json:"connection_config,omitempty"`
	Decompress               bool         `yaml:"decompress" json:"decompress,omitempty"`
	ForwardHeadersOnRedirect bool         `yaml:"forward_headers_on_redirect" json:"forward_headers_on_redirect,omitempty"`
	Verification             *ProxyVerify `yaml:"verification" json:"verification,omitempty"`
	Retry                    *Retry       `yaml:"retry" json:"retry,omitempty"`
	Paginate                 *Paginate    `yaml:"paginate" json:"paginate,omitempty"`
}

// ProxyVerify names calls that succeed only with a good credential. The first
// endpoint that answers with 2xx decides.
type ProxyVerify struct {
	Method          string   `yaml:"method" json:"method,omitempty"`
	Endpoints       []string `yaml:"endpoints" json:"endpoints,omitempty"`
	Headers         Map      `yaml:"headers" json:"headers,omitempty"`
	Data            Value    `yaml:"data" json:"data,omitzero"`
	BaseURLOverride string   `yaml:"base_url_override" json:"base_url_override,omitempty"`
}

// Retry says which answers of the API are to be retried, and when.
type Retry struct {
	At        []string     `yaml:"at" json:"at,omitempty"`       // headers with a moment
	After     []string     `yaml:"after" json:"after,omitempty"` // headers with a number of seconds
	Remaining string       `yaml:"remaining" json:"remaining,omitempty"`
	ErrorCode []string     `yaml:"error_code" json:"error_code,omitempty"` // "429", "5xx", "500-502"
	InBody    *RetryInBody `yaml:"in_body" json:"in_body,omitempty"`
}

// RetryInBody finds the moment to retry at in the body of the answer.
type RetryInBody struct {
	Path     string `yaml:"path" json:"path,omitempty"`
	Value    string `yaml:"value" json:"value,omitempty"`       // a regular expression; its first group counts
	Strategy string `yaml:"strategy" json:"strategy,omitempty"` // at or after
}

// Paginate says how the API divides lists into pages.
type Paginate struct {
	Type                    string `yaml:"type" json:"type,omitempty"` // link, cursor or offset
	LinkRelInResponseHeader string `yaml:"link_rel_in_response_header" json:"link_rel_in_response_header,omitempty"`
	LinkPathInResponseBody  string `yaml:"link_path_in_response_body" json:"link_path_in_response_body,omitempty"`
	CursorNameInRequest     string `yaml:"cursor_name_in_request" json:"cursor_name_in_request,omitempty"`
	CursorPathInResponse    string `yaml:"cursor_path_in_response" json:"cursor_path_in_response,omitempty"`
	OffsetNameInRequest     string `yaml:"offset_name_in_request" json:"offset_name_in_request,omitempty"`
	OffsetStartValue        *int64 `yaml:"offset_start_value" json:"offset_start_value,omitempty"`
	OffsetCalculationMethod string `yaml:"offset_calculation_method" json:"offset_calculation_method,omitempty"`
	LimitNameInRequest      string `yaml:"limit_name_in_request" json:"limit_name_in_request,omitempty"`
	ResponsePath            string `yaml:"response_path" json:"response_path,omitempty"`
}
