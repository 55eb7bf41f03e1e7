// Package httpapi serves a Client over HTTP: the REST surface that clients of Nango
// speak, and the connect page on which end users sign in. docs/http-differences.md
// lists where it does otherwise than Nango, and why.
package httpapi
