package catalog

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// Limits for each caller: a page takes a handful of requests, a portal that reads everything some hundred.
const (
	requestsPerSecond = 20
	requestBurst      = 200
	// maxCallers is how many callers are remembered. Where there are more, all begin anew.
	maxCallers = 10_000
)

// limits keeps a caller from asking for all of the catalog's time. It is safe for concurrent use.
type limits struct {
	mu      sync.Mutex
	callers map[string]*rate.Limiter
}

func newLimits() *limits { return &limits{callers: map[string]*rate.Limiter{}} }

// allow counts a request, and reports whether it may be answered.
func (l *limits) allow(caller string) bool { return l.of(caller).Allow() }

// exhausted reports whether the next request would be one too many.
func (l *limits) exhausted(caller string) bool { return l.of(caller).Tokens() < 1 }

func (l *limits) of(caller string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.callers[caller]
	if limiter == nil {
		if len(l.callers) >= maxCallers {
			clear(l.callers)
		}
		limiter = rate.NewLimiter(requestsPerSecond, requestBurst)
		l.callers[caller] = limiter
	}
	return limiter
}

// callerKey is the key of the Caller in a request's context.
type callerKey struct{}

func callerOf(r *http.Request) *Caller {
	caller, _ := r.Context().Value(callerKey{}).(*Caller)
	return caller
}

// isOpen reports whether a path tells nothing about anybody.
func isOpen(path string) bool {
	return path == "/healthz" || path == "/openapi.json" || strings.HasPrefix(path, "/assets/")
}

// admit finds out who asks, and answers those that may not.
func (h *handler) admit(w http.ResponseWriter, r *http.Request) (_ *http.Request, done bool) {
	name, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		name = r.RemoteAddr
	}
	name = "address " + name
	if h.Authenticator != nil {
		// Whoever can't say who they are costs the API server a question each time.
		if h.limits.exhausted(name) {
			tooMany(w)
			return r, true
		}
		answer, ok, err := h.Authenticator.AuthenticateRequest(r)
		if err != nil || !ok {
			if err != nil {
				h.Log.V(1).Info("a caller can't be authenticated", "why", err.Error())
			}
			h.limits.allow(name)
			w.Header().Set("WWW-Authenticate", `Bearer realm="kroguard"`)
			newProblem(http.StatusUnauthorized, "give a token of the cluster: Authorization: Bearer ...").write(w)
			return r, true
		}
		name = "user " + answer.User.GetName()
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, &Caller{User: answer.User, Rights: h.Rights}))
	}
	if !h.limits.allow(name) {
		tooMany(w)
		return r, true
	}
	return r, false
}

func tooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	newProblem(http.StatusTooManyRequests, "you ask too often; try again in a second").write(w)
}
