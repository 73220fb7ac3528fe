package gatekeeper

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kroguard/kroguard/policies"
)

// Collection makes policies of the templates and constraints of a cluster. What did not change since the last call is not compiled
// again. It is safe for concurrent use.
type Collection struct {
	compiler *Compiler

	mu          sync.Mutex
	templates   map[identity]compiledTemplate
	constraints map[identity]compiledConstraint
	inventory   *Inventory
	exempt      exemptions
	last        []policies.Policy
}

// Objects are what policies are made of, decoded from JSON. None is kept or changed.
type Objects struct {
	Templates, Constraints []map[string]any
	// Configs say which namespaces Gatekeeper leaves alone.
	Configs []map[string]any
	// Inventory may be nil.
	Inventory *Inventory
}

// identity is an object's UID and generation, or a digest of it where it has none.
type identity string

type compiledTemplate struct {
	// template is nil where it does not compile.
	template *Template
	kind     string
	err      error
}

type compiledConstraint struct {
	template identity
	// constraint is nil where it is wrong.
	constraint *Constraint
	policy     policies.Policy
	// counts is not set where the constraint is not for admission.
	counts bool
}

// NewCollection returns an empty collection.
func NewCollection(compiler *Compiler) *Collection { return &Collection{compiler: compiler} }

// Compile makes a policy of each constraint that is for admission, called "Kind/name", in the order of these names. A constraint that is
// wrong, or whose template is, would not be in force in Gatekeeper: it is a policy with an error that is for no object. What is yielded
// is the slice of the last call where nothing changed. The error is a Config's; the namespaces that the last one named stay exempt then.
func (c *Collection) Compile(ctx context.Context, objects *Objects) ([]policies.Policy, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	exempt, err := newExemptions(objects.Configs)
	if err != nil {
		exempt = c.exempt
	}
	byKind, same := c.compileTemplates(ctx, objects.Templates)
	next := make(map[identity]compiledConstraint, len(objects.Constraints))
	changed := c.inventory != objects.Inventory || !slices.Equal(c.exempt, exempt)
	same = same && !changed && len(objects.Constraints) == len(c.constraints)
	var list []policies.Policy
	for _, object := range objects.Constraints {
		id := identityOf(object)
		template := byKind[(&unstructured.Unstructured{Object: object}).GetKind()]
		known, ok := c.constraints[id]
		switch {
		case !ok || known.template != template.id:
			same = false
			known = compileConstraint(ctx, template, object, objects.Inventory, exempt)
		case changed && known.constraint != nil:
			known.policy, known.counts = known.constraint.policy(ctx, objects.Inventory, exempt)
		}
		next[id] = known
		if known.counts {
			list = append(list, known.policy)
		}
	}
	slices.SortFunc(list, func(a, b policies.Policy) int { return cmp.Compare(a.Name, b.Name) })
	if ctx.Err() == nil {
		c.constraints, c.inventory, c.exempt = next, objects.Inventory, exempt
	}
	if !same || c.last == nil {
		c.last = list
	}
	return c.last, err
}

// templateOf is a template with its identity.
type templateOf struct {
	compiledTemplate

	id identity
}

// compileTemplates yields the templates by the kind of their constraints, and whether they are those of the last call.
func (c *Collection) compileTemplates(ctx context.Context, objects []map[string]any) (map[string]templateOf, bool) {
	next, byKind := make(map[identity]compiledTemplate, len(objects)), make(map[string]templateOf, len(objects))
	same := len(objects) == len(c.templates)
	for _, object := range objects {
		id := identityOf(object)
		known, ok := c.templates[id]
		if !ok {
			same = false
			kind, _, _ := unstructured.NestedString(object, "spec", "crd", "spec", "names", "kind")
			known = compiledTemplate{kind: kind}
			known.template, known.err = c.compiler.Template(ctx, object)
		}
		next[id] = known
		byKind[known.kind] = templateOf{compiledTemplate: known, id: id}
	}
	if ctx.Err() == nil {
		c.templates = next
	}
	return byKind, same
}

func compileConstraint(
	ctx context.Context, template templateOf, object map[string]any, inventory *Inventory, exempt exemptions,
) compiledConstraint {
	compiled := compiledConstraint{template: template.id}
	u := &unstructured.Unstructured{Object: object}
	broken := func(err error) compiledConstraint {
		compiled.counts = true
		compiled.policy = policies.Policy{
			Source: PolicySource, Name: u.GetKind() + "/" + u.GetName(), Err: err,
			Matches: func(*policies.Input) (bool, error) { return false, nil },
		}
		return compiled
	}
	switch {
	case template.err != nil:
		return broken(template.err)
	case template.template == nil:
		return broken(fmt.Errorf("%w: there is no template of kind %s", ErrConstraint, u.GetKind()))
	}
	constraint, err := template.template.Constraint(withoutStatus(object))
	if err != nil {
		return broken(err)
	}
	compiled.constraint = constraint
	compiled.policy, compiled.counts = constraint.policy(ctx, inventory, exempt)
	return compiled
}

// withoutStatus is a shallow copy without what Gatekeeper's audit writes, which is no part of the constraint and may be large.
func withoutStatus(object map[string]any) map[string]any {
	copied := make(map[string]any, len(object))
	for name, value := range object {
		if name != "status" {
			copied[name] = value
		}
	}
	return copied
}

func identityOf(object map[string]any) identity {
	u := &unstructured.Unstructured{Object: object}
	if u.GetUID() != "" && u.GetGeneration() > 0 {
		return identity(fmt.Sprintf("%s/%d", u.GetUID(), u.GetGeneration()))
	}
	text, err := json.Marshal(object)
	if err != nil {
		return identity(u.GetKind() + "/" + u.GetName())
	}
	digest := sha256.Sum256(text)
	return identity(digest[:])
}
