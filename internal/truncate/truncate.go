// Package truncate shortens texts to what a reader takes, or an API accepts.
package truncate

import "strings"

// EventNote is the API server's limit for an event's note, in bytes (events.k8s.io/v1).
const EventNote = 1024

const ellipsis = "..."

// Text cuts a text to a number of bytes, at least 3, at a character; what is cut ends with an ellipsis within them.
func Text(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len(ellipsis)], "") + ellipsis
}
