package httpapi

import "net/http"

func pageToken(*http.Request) string { return "" }
