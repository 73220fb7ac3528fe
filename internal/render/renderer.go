package render

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies"
)

// Admit does to a nested instance what admission will do to it when kro creates it: it returns the instance with defaults and
// labels. The instance is the callee's own, and may be returned changed; the API server's defaults are in it already, and what
// nobody can tell yet is absent. What Admit sets there does not count.
type Admit func(nested map[string]any, offering string) map[string]any

// Render computes all that an instance expands into, nested instances included. admit may be nil. The instance must not be
// changed meanwhile; the result must not be changed ever, since others share it. The error is a *CompileError or wraps ErrNoGraph
// where the RGD is at fault, a *LimitError where the instance asks for too much, and an *EvaluationError where an expression
// fails, in which case kro creates nothing either.
func (s *Set) Render(ctx context.Context, object map[string]any, admit Admit) (*policies.Rendering, error) {
	g, err := s.graphOf(object)
	if err != nil {
		return nil, err
	}
	i, err := newInstance(g, object, nil)
	if err != nil {
		return nil, &EvaluationError{Offering: g.name, Err: err}
	}
	e := expansion{ctx: ctx, set: s, admit: admit, left: s.limits}
	if !s.nests[g] {
		l, err := e.level(g, i)
		if err != nil {
			return nil, err
		}
		return &l.rendering, nil
	}
	resources, err := e.expand(g, i, nil)
	if err != nil {
		return nil, err
	}
	return &policies.Rendering{Resources: resources}, nil
}

func (s *Set) graphOf(object map[string]any) (*Graph, error) {
	apiVersion, _ := object[fieldAPIVersion].(string)
	kind, _ := object[fieldKind].(string)
	gv, err := runtimeschema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil, fmt.Errorf("apiVersion %q: %w", apiVersion, ErrNoGraph)
	}
	return s.Graph(runtimeschema.GroupKind{Group: gv.Group, Kind: kind})
}

// expansion expands one instance and those nested in it.
type expansion struct {
	ctx   context.Context
	set   *Set
	admit Admit
	// left is what is left of the limits.
	left Limits
}

// level renders an instance without those nested in it, or takes what was rendered before.
func (e *expansion) level(g *Graph, i instance) (*level, error) {
	k := keyOf(g, i)
	l := e.set.cache.get(k)
	if l == nil {
		var err error
		if l, err = g.render(e.ctx, i, e.left); err != nil {
			return nil, e.inFull(err)
		}
		e.set.cache.put(k, l)
		e.left.MaxSteps -= l.steps
	}
	e.left.MaxResources -= len(l.resources)
	e.left.MaxBytes -= l.bytes
	switch limits := e.set.limits; {
	case e.left.MaxResources < 0:
		return nil, &LimitError{Offering: g.name, Limit: LimitResources, Max: limits.MaxResources, Asked: limits.MaxResources - e.left.MaxResources}
	case e.left.MaxBytes < 0:
		return nil, &LimitError{Offering: g.name, Limit: LimitBytes, Max: limits.MaxBytes, Asked: limits.MaxBytes - e.left.MaxBytes}
	}
	return l, nil
}

// inFull makes an error tell the limit for all levels together.
func (e *expansion) inFull(err error) error {
	limit, ok := err.(*LimitError) //nolint:errorlint // render returns it bare
	if !ok {
		return err
	}
	var whole int
	switch limit.Limit {
	case LimitResources:
		whole = e.set.limits.MaxResources
	case LimitBytes:
		whole = e.set.limits.MaxBytes
	case LimitSteps:
		whole = e.set.limits.MaxSteps
	default:
		return err
	}
	limit.Asked += whole - limit.Max
	limit.Max = whole
	return limit
}

// expand renders an instance and those nested in it. path are the kinds on the way to it.
func (e *expansion) expand(g *Graph, i instance, path []runtimeschema.GroupKind) ([]policies.RenderedResource, error) {
	l, err := e.level(g, i)
	if err != nil {
		return nil, err
	}
	if !e.set.nests[g] {
		return l.resources, nil
	}
	path = append(slices.Clip(path), g.gvk.GroupKind())
	resources := make([]policies.RenderedResource, 0, len(l.resources))
	for index, r := range l.resources {
		nested, err := e.set.Graph(r.GVK.GroupKind())
		if err != nil && e.set.failed[r.GVK.GroupKind()] != nil && r.Object != nil {
			return nil, fmt.Errorf("ResourceGraphDefinition %q, resource %q: %w", g.name, r.Node, err)
		}
		if err != nil {
			resources = append(resources, r)
			continue
		}
		within, err := e.nested(&r, nested, l.pending[index], path)
		if err != nil {
			return nil, err
		}
		resources = append(append(resources, r), within...)
	}
	return resources, nil
}

// nested makes a resource a nested instance, and yields what that expands into.
func (e *expansion) nested(
	r *policies.RenderedResource, g *Graph, unresolved *pending, path []runtimeschema.GroupKind,
) ([]policies.RenderedResource, error) {
	r.Offering = g.name
	if r.Object == nil {
		return nil, nil
	}
	r.Object = e.admitted(r.Object, g, unresolved)
	if reason := e.endless(g, path); reason != "" {
		return []policies.RenderedResource{{
			Node: r.Node + "/*", State: policies.ResourceUnknown, Reason: reason, Offering: g.name,
			GVK: g.gvk, Resource: g.resource, Namespaced: g.namespaced,
		}}, nil
	}
	i, err := newInstance(g, r.Object, unresolved.outward())
	if err != nil {
		return nil, &EvaluationError{Offering: g.name, Node: r.Node, Err: err}
	}
	within, err := e.expand(g, i, path)
	if err != nil {
		return nil, err
	}
	return renamed(r.Node, within), nil
}

// endless says why what a nested instance expands into is not rendered, if so.
func (e *expansion) endless(g *Graph, path []runtimeschema.GroupKind) string {
	switch {
	case slices.Contains(path, g.gvk.GroupKind()):
		return fmt.Sprintf("%s is nested in itself: what a further one expands into is judged when kro creates it", g.gvk.Kind)
	case len(path) >= e.set.limits.MaxDepth:
		return fmt.Sprintf("instances nest more than %d levels deep: what this one expands into is judged when kro creates it", e.set.limits.MaxDepth)
	}
	return ""
}

// admitted is a nested instance as the API server stores it: with the defaults of its definition, before and after what
// admission does.
func (e *expansion) admitted(object map[string]any, g *Graph, unresolved *pending) map[string]any {
	own := runtime.DeepCopyJSON(object)
	g.Default(own)
	unresolved.remove(own)
	if e.admit != nil {
		if admitted := e.admit(own, g.name); admitted != nil {
			own = admitted
		}
		g.Default(own)
		unresolved.remove(own)
	}
	return own
}

// renamed are resources of a nested instance as the graph around it tells them.
func renamed(node string, resources []policies.RenderedResource) []policies.RenderedResource {
	renamed := make([]policies.RenderedResource, len(resources))
	for i, r := range resources {
		r.Node = node + "/" + r.Node
		if len(r.Unresolved) > 0 {
			unresolved := slices.Clone(r.Unresolved)
			for j := range unresolved {
				unresolved[j].WaitsFor = inward(node, unresolved[j].WaitsFor)
			}
			r.Unresolved = unresolved
			// The ids in the first part of the reason have changed; the second has none.
			_, unset, _ := strings.Cut(r.Reason, reasonLacks)
			r.Reason = reasonOf(unresolved, unset)
		}
		renamed[i] = r
	}
	return renamed
}
