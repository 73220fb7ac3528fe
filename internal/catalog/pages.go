package catalog

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/kroguard/kroguard/policies"
)

//go:embed page
var pageFiles embed.FS

// pagePolicy lets a page have its own stylesheet and script, and nothing else.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// parsePages parses the templates, once for a handler.
func parsePages() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"icon": iconURL}).ParseFS(pageFiles, "page/*.html"))
}

// pageRoutes are the pages, and what they need.
func (h *handler) pageRoutes() map[string]answer {
	return map[string]answer{
		"/{$}":                               h.home,
		"/namespaces/{namespace}":            h.catalogPage,
		"/namespaces/{namespace}/{offering}": h.offeringPage,
		"/assets/style.css":                  asset("page/style.css", "text/css; charset=utf-8"),
		"/assets/page.js":                    asset("page/page.js", "text/javascript; charset=utf-8"),
		"/assets/icons/{icon}":               iconFile,
	}
}

// defaultIcon is that of an offering whose icon is none that there is here: nothing is loaded from elsewhere.
const defaultIcon = "package"

// iconFile answers with one of the icons.
func iconFile(r *http.Request) (string, []byte, error) {
	body, err := pageFiles.ReadFile("page/icons/" + path.Base(r.PathValue("icon")))
	if err != nil || path.Ext(r.PathValue("icon")) != ".svg" {
		return "", nil, fmt.Errorf("%w: there is no icon %.50q", ErrNotFound, r.PathValue("icon"))
	}
	return "image/svg+xml", body, nil
}

// iconURL is the address of an offering's icon.
func iconURL(name string) string {
	if _, err := fs.Stat(pageFiles, "page/icons/"+path.Base(name)+".svg"); err != nil {
		name = defaultIcon
	}
	return "/assets/icons/" + path.Base(name) + ".svg"
}

func asset(name, contentType string) answer {
	return func(*http.Request) (string, []byte, error) {
		body, err := pageFiles.ReadFile(name)
		return contentType, body, err
	}
}

func (h *handler) render(name string, data any) (string, []byte, error) {
	var out bytes.Buffer
	if err := h.templates.ExecuteTemplate(&out, name, data); err != nil {
		return "", nil, err
	}
	return "text/html; charset=utf-8", out.Bytes(), nil
}

// home lists the namespaces.
func (h *handler) home(r *http.Request) (string, []byte, error) {
	snapshot := h.Snapshot()
	if snapshot == nil {
		return "", nil, errNoSnapshot
	}
	items, err := visibleNamespaces(r.Context(), snapshot, callerOf(r))
	if err != nil {
		return "", nil, err
	}
	return h.render("namespaces.html", map[string]any{"Title": "Namespaces", "Namespaces": items})
}

// catalogPage lists the offerings of a namespace.
func (h *handler) catalogPage(r *http.Request) (string, []byte, error) {
	snapshot, namespace, err := h.place(r)
	if err != nil {
		return "", nil, err
	}
	values := r.URL.Query()
	query := &Query{All: values.Get("all") != "", Category: values.Get("category"), Text: values.Get("q"), Continue: values.Get("continue")}
	list, err := Offerings(r.Context(), snapshot, namespace, query, callerOf(r))
	if err != nil {
		return "", nil, err
	}
	all, err := Offerings(r.Context(), snapshot, namespace, &Query{All: query.All, Limit: MaxLimit}, callerOf(r))
	if err != nil {
		return "", nil, err
	}
	var categories []string
	for i := range all.Items {
		if category := all.Items[i].Category; category != "" && !slices.Contains(categories, category) {
			categories = append(categories, category)
		}
	}
	slices.Sort(categories)
	next := ""
	if list.Continue != "" {
		following := url.Values{"continue": {list.Continue}, "q": {query.Text}, "category": {query.Category}}
		if query.All {
			following.Set("all", "true")
		}
		next = "?" + following.Encode()
	}
	return h.render("catalog.html", map[string]any{
		"Title": "Catalog of " + namespace, "Namespace": namespace, "List": list, "Categories": categories, "Query": query, "Next": next,
	})
}

// offeringPage shows an offering, its form, and what would become of what is written in it.
func (h *handler) offeringPage(r *http.Request) (string, []byte, error) {
	snapshot, namespace, err := h.place(r)
	if err != nil {
		return "", nil, err
	}
	detail, err := Describe(r.Context(), snapshot, namespace, r.PathValue("offering"), callerOf(r), h.Now())
	if err != nil {
		return "", nil, err
	}
	page := &offeringView{Title: detail.Title, Namespace: namespace, Detail: detail, Labels: detail.Labels, Touched: r.URL.RawQuery != ""}
	given := written(r.URL.Query())
	page.Name = given.Get("name")
	preview, err := MakePreview(r.Context(), snapshot, &Request{
		Namespace: namespace, Offering: detail.Name, Name: page.Name, Caller: callerOf(r), Values: valuesOf(given),
	}, h.Now())
	if wrong, ok := errors.AsType[ValuesError](err); ok {
		page.Wrong = wrong
	} else if err != nil {
		return "", nil, err
	}
	page.take(preview, given)
	if o, ok := snapshot.Offerings.ByName(detail.Name); ok {
		page.Fields = fieldsOf(o, detail, given, page.problems())
	}
	page.NameProblems = page.problems()["metadata.name"]
	return h.render("offering.html", page)
}

// offeringView is what the page of an offering shows.
type offeringView struct {
	Title, Namespace, Name string
	Detail                 *Detail
	// Touched says that somebody has written something: before, nothing is wrong.
	Touched      bool
	Fields       []formField
	NameProblems []string
	// Preview is nil where values are wrong.
	Preview     *Preview
	Wrong       ValuesError
	Labels      []Value
	ManifestURL string
}

// take takes over what would become of what is written.
func (v *offeringView) take(preview *Preview, given url.Values) {
	if preview == nil {
		return
	}
	v.Preview, v.Labels = preview, labelsOf(preview.Admitted)
	v.ManifestURL = "/v1/namespaces/" + url.PathEscape(v.Namespace) + "/offerings/" + url.PathEscape(v.Detail.Name) + "/manifest?" + given.Encode()
}

// problems are what is wrong with fields, by their paths.
func (v *offeringView) problems() map[string][]string {
	problems := map[string][]string{}
	if !v.Touched {
		return problems
	}
	found := v.Wrong
	if v.Preview != nil {
		found = slices.Clone(v.Preview.Errors)
		for _, group := range [][]policies.Violation{v.Preview.Verdict.Denied, v.Preview.Verdict.Warned} {
			for i := range group {
				found = append(found, FieldError{Field: strings.TrimPrefix(group[i].Field, "."), Message: group[i].String()})
			}
		}
	}
	for _, problem := range found {
		problems[problem.Field] = append(problems[problem.Field], problem.Message)
	}
	return problems
}

// written are the values of a form that say anything: an empty input is one that nobody has written in.
func written(query url.Values) url.Values {
	given := url.Values{}
	for name, values := range query {
		for _, value := range values {
			if value != "" {
				given.Add(name, strings.ReplaceAll(value, "\r\n", "\n"))
			}
		}
	}
	return given
}

// valuesOf are the values of fields.
func valuesOf(given url.Values) map[string][]string {
	fields := map[string][]string{}
	for name, values := range given {
		if name != "name" {
			fields[name] = values
		}
	}
	return fields
}
