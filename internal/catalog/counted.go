package catalog

import (
	"net/http"
	"strings"
	"time"
)

// routeOther is the route of requests that nothing is there for.
const routeOther = "other"

// counted counts what a handler answers by the mux's pattern, of which there are few.
func (h *handler) counted(mux *http.ServeMux, next http.Handler) http.Handler {
	if h.Metrics == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		route := routeOther
		if _, pattern := mux.Handler(r); pattern != "" {
			_, route, _ = strings.Cut(pattern, " ")
		}
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		h.Metrics.Observe(route, seen.status, time.Since(started))
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter

	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
