package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// problem is Problem Details for HTTP APIs (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Errors are what is wrong with single values.
	Errors []FieldError `json:"errors,omitempty"`
}

func newProblem(status int, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// problemOf is the answer to an error.
func problemOf(err error) *problem {
	if wrong, ok := errors.AsType[ValuesError](err); ok {
		p := newProblem(http.StatusBadRequest, "some values are wrong")
		p.Errors = wrong
		return p
	}
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, errNoNamespace):
		return newProblem(http.StatusNotFound, err.Error())
	case errors.Is(err, ErrContinue), errors.Is(err, errQuery):
		return newProblem(http.StatusBadRequest, err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, errNoSnapshot), errors.Is(err, errRights):
		return newProblem(http.StatusServiceUnavailable, err.Error())
	default:
		return newProblem(http.StatusInternalServerError, "the catalog could not answer; its log says why")
	}
}

func (p *problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil {
		http.Error(w, p.Title, p.Status) // texts alone can't fail
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}
