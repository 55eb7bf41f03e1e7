package oauth

import "github.com/tieline/tieline/internal/jsonpath"

// Test is what is asked of a value.
type Test string

// The tests of a [Success]. Values are compared as text: true is "true", and a
// number is as the server wrote it.
const (
	TestEquals    Test = "equals"     // the value is there and is Want
	TestNotEquals Test = "not_equals" // the value is not Want, or is not there
	TestPresent   Test = "present"    // there is a value that is neither null, false nor empty
	TestAbsent    Test = "absent"     // there is no such value
)

// Success is what a provider says, in an answer whose status is good, when it
// did what it was asked: some answer 200 whatever happened. The zero value asks
// nothing.
type Success struct {
	Path   string // dotted, into the answer
	Test   Test
	Want   string
	Status int // the only good status; 0: any of 2xx
}

// good says whether a status is that of a success.
func (s Success) good(status int) bool {
	if s.Status != 0 {
		return status == s.Status
	}
	return status >= 200 && status < 300
}

// check says whether an answer is a success, and otherwise the code of the error
// it is: the one that stands where codes stand, or else the value looked at.
//
// An answer that was cut off before the value has a token that was meant to be
// given, or none at all, which is a failure anyway.
func (s Success) check(a *Answer, body []byte) (ok bool, code string) {
	if s.Path == "" {
		return true, a.ErrorCode
	}
	var v any
	if values := a.Values; values != nil {
		v = jsonpath.At(values, s.Path)
	} else if objects, _ := parseWhole(decodeText(body), maxNested); len(objects) > 0 {
		v = jsonpath.At(objects[0], s.Path)
	} else if found := scan(decodeText(body), s.Path); found != "" {
		v = found
	} else if a.AccessToken != "" {
		return true, a.ErrorCode
	}
	if s.holds(v) {
		return true, a.ErrorCode
	}
	if a.ErrorCode != "" {
		return false, a.ErrorCode
	}
	text, _ := jsonpath.Text(v)
	return false, ErrorCode(text)
}

func (s Success) holds(v any) bool {
	text, scalar := jsonpath.Text(v)
	switch s.Test {
	case TestEquals:
		return scalar && text == s.Want
	case TestNotEquals:
		return !scalar || text != s.Want
	case TestPresent:
		return !blank(v)
	case TestAbsent:
		return blank(v)
	}
	return false
}

// blank reports whether a value says nothing.
func blank(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	text, _ := jsonpath.Text(v)
	return text == "" || text == "false"
}
