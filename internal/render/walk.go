package render

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	celunstructured "github.com/kubernetes-sigs/kro/pkg/cel/unstructured"
	"github.com/kubernetes-sigs/kro/pkg/graph"

	"github.com/kroguard/kroguard/policies"
)

// level are the resources of one instance, without those of the instances nested in it. It is immutable and may be shared.
type level struct {
	resources []policies.RenderedResource
	// pending says what of each resource is unknown; nil where nothing is.
	pending []*pending
	// bytes is the size of all objects, steps what their expressions took.
	bytes, steps int
	// rendering is all that an instance expands into in which no other is nested.
	rendering policies.Rendering
}

// walk renders one instance, as kro's controller goes through a graph (pkg/controller/instance and pkg/runtime). It belongs to one
// goroutine.
type walk struct {
	graph    *Graph
	instance instance
	limits   Limits
	meter    *meter

	// states and values are those of the nodes walked so far; values are what expressions see of them.
	states []nodeState
	values []ref.Val
	// variable is the instance as expressions see it.
	variable ref.Val
	// iterators are the elements at hand of the forEach at hand.
	iterators map[string]any
	// results are those of the expressions without iterators.
	results []*result
	level   level
}

// nodeState is how far it is known whether a node is created.
type nodeState int

const (
	stateIncluded nodeState = iota
	stateSkipped
	stateUnknown
)

var _ interpreter.Activation = (*walk)(nil)

// ResolveName finds a variable of an expression.
func (w *walk) ResolveName(name string) (any, bool) {
	switch name {
	case graph.SchemaVarName:
		return w.variable, true
	case variableMeter:
		return w.meter, true
	}
	if value, ok := w.iterators[name]; ok {
		return value, true
	}
	if i, ok := w.graph.index[name]; ok && i < len(w.values) && w.values[i] != nil {
		return w.values[i], true
	}
	return nil, false
}

// Parent is none.
func (w *walk) Parent() interpreter.Activation { return nil }

// render walks the graph for an instance. The error is a *LimitError or an *EvaluationError.
func (g *Graph) render(ctx context.Context, instance instance, limits Limits) (*level, error) {
	w := &walk{
		graph: g, instance: instance, limits: limits,
		meter:    &meter{ctx: ctx, max: limits.MaxSteps, look: stepsPerDeadlineCheck},
		states:   make([]nodeState, len(g.nodes)),
		values:   make([]ref.Val, len(g.nodes)),
		variable: instance.variable(g.instanceSchema),
		results:  make([]*result, g.slots),
	}
	for i, n := range g.nodes {
		err := w.node(i, n)
		if err == nil && !w.meter.inTime() {
			err = w.meter.exceeded
		}
		if err != nil {
			return nil, w.located(n, err)
		}
	}
	w.level.steps = w.meter.steps
	w.level.rendering.Resources = w.level.resources
	return &w.level, nil
}

// located says where an error occurred.
func (w *walk) located(n *node, err error) error {
	var limit *LimitError
	if errors.As(err, &limit) {
		limit.Offering, limit.Node = w.graph.name, n.id
		return limit
	}
	var evaluation *EvaluationError
	if errors.As(err, &evaluation) {
		evaluation.Offering, evaluation.Node = w.graph.name, n.id
		return evaluation
	}
	return &EvaluationError{Offering: w.graph.name, Node: n.id, Err: err}
}

func (w *walk) node(i int, n *node) error {
	state, reason, err := w.included(n)
	if err != nil {
		return err
	}
	w.states[i] = state
	switch state {
	case stateSkipped:
		return w.add(w.resource(n, policies.ResourceSkipped, reason), nil)
	case stateUnknown:
		return w.add(w.resource(n, policies.ResourceUnknown, reason), nil)
	default:
	}
	switch n.kind {
	case graph.NodeTypeExternal, graph.NodeTypeExternalCollection:
		return w.external(i, n)
	case graph.NodeTypeCollection:
		return w.collection(i, n)
	default:
		return w.single(i, n)
	}
}

// included tells whether a node will be created. A skipped dependency and a condition that is false decide, whatever else is
// unknown.
func (w *walk) included(n *node) (state nodeState, reason string, err error) {
	for _, d := range n.dependencies {
		id := w.graph.nodes[d].id
		switch w.states[d] {
		case stateSkipped:
			return stateSkipped, fmt.Sprintf("it refers to %q, which is skipped", id), nil
		case stateUnknown:
			state, reason = stateUnknown, fmt.Sprintf("it refers to %q, and nobody can say yet whether that will be there", id)
		default:
		}
	}
	if state == stateUnknown {
		return state, reason, nil
	}
	for _, condition := range n.includeWhen {
		r, err := w.evaluate(condition)
		if err != nil {
			return 0, "", err
		}
		if r.unset != "" {
			return 0, "", &EvaluationError{Expression: condition.user, Err: errors.New(r.unset)}
		}
		if !r.known() {
			state, reason = stateUnknown, fmt.Sprintf("includeWhen ${%s} waits for %s", condition.user, named(r.waitsFor))
			continue
		}
		included, ok := r.value.(bool)
		if !ok && r.value != nil {
			return 0, "", &EvaluationError{Expression: condition.user, Err: errors.New("includeWhen must yield true or false")}
		}
		if !included {
			return stateSkipped, fmt.Sprintf("includeWhen ${%s} is false", condition.user), nil
		}
	}
	return state, reason, nil
}

// evaluate evaluates an expression; one without iterators once.
func (w *walk) evaluate(e *expression) (result, error) {
	if e.slot >= 0 && w.results[e.slot] != nil {
		return *w.results[e.slot], nil
	}
	r, err := e.evaluate(w, w.meter)
	if err != nil {
		if w.meter.exceeded != nil {
			return result{}, err
		}
		return result{}, &EvaluationError{Expression: e.user, Err: err}
	}
	if e.slot >= 0 {
		w.results[e.slot] = &r
	}
	return r, nil
}

// single renders a node that is one resource.
func (w *walk) single(i int, n *node) error {
	o, err := w.object(n, nil)
	if err != nil {
		return err
	}
	w.values[i] = scope{pending: o.pending, absent: n.id}.wrap(valueOf(o.object, n.schema))
	return w.add(w.rendered(n, n.id, o), o.pending)
}

// external makes what kro reads known by its name alone.
func (w *walk) external(i int, n *node) error {
	w.values[i] = unknown(n.id)
	resource := w.resource(n, policies.ResourceExternal, "kro reads it, and does not create it")
	if n.kind == graph.NodeTypeExternalCollection {
		return w.add(resource, nil)
	}
	a := assembly{evaluate: w.evaluate}
	built, err := a.build(n.template)
	if err != nil {
		return err
	}
	if object, ok := built.(map[string]any); ok {
		s := scope{absent: n.id}
		if len(a.unresolved) > 0 {
			s.pending = pendingOf(a.unresolved)
		}
		w.values[i] = s.wrap(valueOf(object, n.schema))
	}
	return w.add(resource, nil)
}

// resource is a rendered resource without an object.
func (w *walk) resource(n *node, state policies.ResourceState, reason string) policies.RenderedResource {
	return policies.RenderedResource{
		Node: n.id, State: state, Reason: reason,
		GVK: n.gvk, Resource: n.gvr, Namespaced: n.namespaced, KindUnknown: n.unknown,
	}
}

// rendered is a rendered resource with its object.
func (w *walk) rendered(n *node, id string, o *object) policies.RenderedResource {
	r := w.resource(n, policies.ResourceResolved, "")
	r.Node, r.Object, r.Unresolved = id, o.object, o.unresolved
	switch {
	case len(o.unresolved) > 0:
		r.State, r.Reason = policies.ResourcePartial, reasonOf(o.unresolved, o.unset)
	case n.unknown:
		r.Reason = "nothing is known of the kind " + n.gvk.GroupKind().String() + " in version " + n.gvk.Version
	}
	return r
}

// add adds a resource within the limits.
func (w *walk) add(r policies.RenderedResource, unresolved *pending) error {
	if len(w.level.resources) >= w.limits.MaxResources {
		return &LimitError{Limit: LimitResources, Max: w.limits.MaxResources, Asked: w.limits.MaxResources + 1}
	}
	w.level.resources = append(w.level.resources, r)
	w.level.pending = append(w.level.pending, unresolved)
	return nil
}

// valueOf is an object as expressions see it, as in kro's runtime (pkg/runtime/node_context.go, wrapWithSchema).
func valueOf(object map[string]any, s *lazySchema) ref.Val {
	if s == nil {
		return types.DefaultTypeAdapter.NativeToValue(object)
	}
	return celunstructured.UnstructuredToVal(object, s)
}
