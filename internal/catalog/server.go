package catalog

import (
	"net/http"
	"time"
)

// Limits of the server. A header holds a token of some kilobytes at most.
const (
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 96 << 10
)

// NewServer serves a handler, with limits of time and size.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
}
