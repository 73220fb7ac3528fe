package catalog

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
)

const (
	// requestTimeout is the time that an answer has.
	requestTimeout = 10 * time.Second
	// maxQueryBytes bounds the query of a request.
	maxQueryBytes = 64 << 10
)

var (
	errNoSnapshot  = errors.New("the configuration is not read yet; try again in a few seconds")
	errNoNamespace = errors.New("there is no such namespace, or you may not see it")
	errQuery       = errors.New("the query is wrong")
	errRights      = errors.New("nobody can tell what you may do; try again")
)

//go:embed openapi.json
var openAPI []byte

// HandlerOptions are what a handler needs.
type HandlerOptions struct {
	// Snapshot yields the configuration; nil where there is none yet.
	Snapshot func() *review.Snapshot
	// Authenticator tells who asks, and Rights what they may. Where both are nil, nobody is asked, and everything is shown.
	Authenticator authenticator.Request
	Rights        authorizer.Authorizer
	// Log is told of what went wrong.
	Log logr.Logger
	// Metrics counts what is answered; nil counts nothing.
	Metrics *telemetry.Catalog
	// Now is the clock that exceptions expire by; nil is time.Now.
	Now func() time.Time
}

// NewHandler serves the catalog as JSON: GET and HEAD, and nothing that changes anything.
func NewHandler(options HandlerOptions) http.Handler {
	if options.Now == nil {
		options.Now = time.Now
	}
	h := &handler{HandlerOptions: options, limits: newLimits(), templates: parsePages()}
	mux := http.NewServeMux()
	routes := h.routes()
	maps.Copy(routes, h.pageRoutes())
	for pattern, answer := range routes {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			contentType, body, err := answer(r)
			if err != nil {
				h.fail(w, r, err)
				return
			}
			if strings.HasPrefix(contentType, "text/html") {
				w.Header().Set("Content-Security-Policy", pagePolicy)
			}
			respond(w, r, contentType, body)
		})
	}
	return h.counted(mux, h.guarded(mux))
}

type handler struct {
	HandlerOptions

	limits    *limits
	templates *template.Template
}

// answer is an answer's content type and body.
type answer func(r *http.Request) (contentType string, body []byte, err error)

// routes are what is served, by path.
func (h *handler) routes() map[string]answer {
	return map[string]answer{
		"/healthz": func(*http.Request) (string, []byte, error) { return "text/plain; charset=utf-8", []byte("ok\n"), nil },
		"/openapi.json": func(*http.Request) (string, []byte, error) {
			return "application/json", openAPI, nil
		},
		"/v1/namespaces":                                           h.namespaces,
		"/v1/namespaces/{namespace}/offerings":                     h.offerings,
		"/v1/namespaces/{namespace}/offerings/{offering}":          h.offering,
		"/v1/namespaces/{namespace}/offerings/{offering}/manifest": h.manifest,
		"/v1/namespaces/{namespace}/entities":                      h.entities,
	}
}

// guarded lets nothing through that no route is for, and keeps one request from harming others.
func (h *handler) guarded(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				h.Log.Error(fmt.Errorf("panic: %v", p), "answering a request", "path", r.URL.Path)
				problemOf(errors.New("panic")).write(w)
			}
		}()
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			newProblem(http.StatusMethodNotAllowed, "the catalog only reads: GET and HEAD").write(w)
			return
		case len(r.URL.RawQuery) > maxQueryBytes:
			newProblem(http.StatusRequestURITooLong, fmt.Sprintf("a query has %d bytes at most", maxQueryBytes)).write(w)
			return
		}
		if _, pattern := mux.Handler(r); pattern == "" || path.Clean(r.URL.Path) != r.URL.Path {
			newProblem(http.StatusNotFound, "there is nothing at this path; /openapi.json tells what there is").write(w)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		if !isOpen(r.URL.Path) {
			var done bool
			if r, done = h.admit(w, r); done {
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// fail answers an error, and logs what is the catalog's own fault.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		h.Log.Error(err, "answering a request", "path", r.URL.Path)
	}
	p.write(w)
}

// place is the snapshot and the namespace of a request. A namespace is there for those who may get it, or create some offering in it.
func (h *handler) place(r *http.Request) (*review.Snapshot, string, error) {
	snapshot := h.Snapshot()
	if snapshot == nil {
		return nil, "", errNoSnapshot
	}
	namespace, caller := r.PathValue("namespace"), callerOf(r)
	absent := fmt.Errorf("%w: %.253q", errNoNamespace, namespace)
	if snapshot.Namespaces[namespace] == nil {
		return nil, "", absent
	}
	sees, err := caller.seesNamespace(r.Context(), namespace)
	if err != nil || sees {
		return snapshot, namespace, err
	}
	may, err := caller.mayCreate(r.Context(), published(snapshot), namespace)
	if err == nil && !slices.Contains(may, true) {
		err = absent
	}
	return snapshot, namespace, err
}

// Namespace is a namespace as a list shows it.
type Namespace struct {
	Name string `json:"name"`
	// Project is the one that it belongs to; empty for none.
	Project string `json:"project,omitempty"`
}

func (h *handler) namespaces(r *http.Request) (string, []byte, error) {
	if _, err := queryOf(r.URL.RawQuery); err != nil {
		return "", nil, err
	}
	snapshot := h.Snapshot()
	if snapshot == nil {
		return "", nil, errNoSnapshot
	}
	items, err := visibleNamespaces(r.Context(), snapshot, callerOf(r))
	if err != nil {
		return "", nil, err
	}
	return asJSON(map[string]any{"items": items})
}

// visibleNamespaces are those that the caller may get, by name.
func visibleNamespaces(ctx context.Context, snapshot *review.Snapshot, caller *Caller) ([]Namespace, error) {
	names, err := caller.seesNamespaces(ctx, slices.Sorted(maps.Keys(snapshot.Namespaces)))
	items := make([]Namespace, 0, len(names))
	for _, name := range names {
		entry := Namespace{Name: name}
		if owner := snapshot.Projects.Resolve(name, snapshot.Namespaces[name].Labels).Project; owner != nil {
			entry.Project = owner.Name
		}
		items = append(items, entry)
	}
	return items, err
}

func (h *handler) offerings(r *http.Request) (string, []byte, error) {
	values, err := queryOf(r.URL.RawQuery, "all", "category", "tag", "kind", "q", "limit", "continue")
	if err != nil {
		return "", nil, err
	}
	query := &Query{
		Category: values.Get("category"), Tag: values.Get("tag"), Kind: values.Get("kind"), Text: values.Get("q"),
		Continue: values.Get("continue"),
	}
	if query.All, err = flag(values, "all"); err != nil {
		return "", nil, err
	}
	if text := values.Get("limit"); text != "" {
		if query.Limit, err = strconv.Atoi(text); err != nil || query.Limit < 1 {
			return "", nil, fmt.Errorf("%w: limit is a number from 1 on", errQuery)
		}
	}
	snapshot, namespace, err := h.place(r)
	if err != nil {
		return "", nil, err
	}
	list, err := Offerings(r.Context(), snapshot, namespace, query, callerOf(r))
	if err != nil {
		return "", nil, err
	}
	return asJSON(list)
}

func (h *handler) offering(r *http.Request) (string, []byte, error) {
	if _, err := queryOf(r.URL.RawQuery); err != nil {
		return "", nil, err
	}
	snapshot, namespace, err := h.place(r)
	if err != nil {
		return "", nil, err
	}
	detail, err := Describe(r.Context(), snapshot, namespace, r.PathValue("offering"), callerOf(r), h.Now())
	if err != nil {
		return "", nil, err
	}
	return asJSON(detail)
}

func (h *handler) manifest(r *http.Request) (string, []byte, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", errQuery, err)
	}
	preview, err := flag(values, "preview")
	if err != nil {
		return "", nil, err
	}
	snapshot, namespace, err := h.place(r)
	if err != nil {
		return "", nil, err
	}
	wanted := &Request{Namespace: namespace, Offering: r.PathValue("offering"), Name: values.Get("name"), Caller: callerOf(r)}
	delete(values, "preview")
	delete(values, "name")
	wanted.Values = values
	if preview {
		made, err := MakePreview(r.Context(), snapshot, wanted, h.Now())
		if err != nil {
			return "", nil, err
		}
		return asJSON(made)
	}
	text, err := Write(r.Context(), snapshot, wanted)
	return "application/yaml", text, err
}

func (h *handler) entities(r *http.Request) (string, []byte, error) {
	if _, err := queryOf(r.URL.RawQuery); err != nil {
		return "", nil, err
	}
	snapshot, namespace, err := h.place(r)
	if err != nil {
		return "", nil, err
	}
	items, err := Entities(r.Context(), snapshot, namespace, callerOf(r))
	if err != nil {
		return "", nil, err
	}
	return asJSON(map[string]any{"items": items})
}

// queryOf reads a query in which only some names may be, each once.
func queryOf(text string, names ...string) (url.Values, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errQuery, err)
	}
	for name, given := range values {
		switch {
		case !slices.Contains(names, name):
			known := "none"
			if len(names) > 0 {
				known = strings.Join(names, ", ")
			}
			return nil, fmt.Errorf("%w: there is no parameter %.100q; there are: %s", errQuery, name, known)
		case len(given) > 1:
			return nil, fmt.Errorf("%w: %s is given %d times", errQuery, name, len(given))
		}
	}
	return values, nil
}

// flag is a parameter that is true or false; false where it is not given.
func flag(values url.Values, name string) (bool, error) {
	text := values.Get(name)
	if text == "" {
		return false, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%w: %s is true or false", errQuery, name)
	}
	return value, nil
}

func asJSON(value any) (string, []byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return "", nil, fmt.Errorf("writing the answer: %w", err)
	}
	return "application/json", append(body, '\n'), nil
}
