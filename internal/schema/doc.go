// Package schema derives a JSON Schema (draft 2020-12) from a Go type and checks JSON
// text against it.
//
// The schema is that of what encoding/json writes and reads for the type: its struct
// tags, its rules for embedded structs, its forms for bytes, times and maps. What the
// schema accepts, encoding/json decodes; what encoding/json writes, the schema
// accepts. Where encoding/json is lenient, the schema is not, so that two sides that
// disagree find out:
//
//   - Names of members are matched exactly, unknown and repeated ones are refused.
//   - Null is accepted for pointers, any and json.RawMessage only. A nil slice or map
//     is written as [] or {}, and nil bytes as "", by [Schema.Encode].
//   - A list for an array of Go has its length.
//   - An integer is written without fraction or exponent, also as the key of a map,
//     where it has no leading zero or plus sign either.
//   - Text is valid UTF-8 without half surrogate pairs; nothing follows the value;
//     lists and objects nest at most [MaxDepth] deep.
//
// # What is required
//
// A field is required unless it is a pointer, has omitempty or omitzero, or belongs to
// an embedded pointer. The tag required:"true" or required:"false" says otherwise.
//
// # Tags
//
// Struct tags are words of JSON Schema:
//
//	description, default, example          published, and checked against the field
//	enum                                   separated by commas, spaces around them ignored
//	minimum, maximum,
//	exclusiveMinimum, exclusiveMaximum     of numbers
//	minLength, maxLength, pattern, format  of strings; lengths count code points
//	minItems, maxItems                     of lists
//
// Words that cannot be about a list are about its elements. A pattern is a regular
// expression of package regexp and matches anywhere, as JSON Schema has it. A format is
// one of date, date-time, email, hostname, ipv4, ipv6, uri and uuid, and is enforced. A
// tag that cannot hold for its field is an error of [For].
//
// # Types with methods of their own
//
// A type that writes and reads text (encoding.TextMarshaler and TextUnmarshaler) is a
// string, one that writes and reads JSON is anything. Validation asks the type itself,
// with a new value of it, whether the string or JSON is one it reads. A type that only
// writes, or only reads, has no one form and needs to be a [Describer].
package schema
