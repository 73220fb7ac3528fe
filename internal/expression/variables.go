package expression

import "github.com/google/cel-go/interpreter"

// Variables are what expressions read. All values are read-only JSON values: map[string]any, []any, string, bool, int64,
// float64, nil.
type Variables struct {
	// Project has name, displayName, owner, contact, costCenter, labels (enforced and defaults, merged), parameters; an
	// empty map where there is no project, so that has(project.name) is false.
	Project map[string]any
	// Namespace has name, labels, annotations; an empty map for a cluster-scoped instance.
	Namespace map[string]any
	// Offering has name, title, description, category, tags, labels, kind, group, version, catalog, deprecated.
	Offering map[string]any
	// Object is the instance as it arrived.
	Object map[string]any
}

// The names of the variables in expressions.
const (
	variableProject   = "project"
	variableNamespace = "namespace"
	variableOffering  = "offering"
	variableObject    = "object"
)

// activation lets CEL read Variables by name, in one evaluation. A nil map reads as an empty one.
type activation struct {
	variables *Variables
	// passed is how many values may still be passed to functions.
	passed *int
}

var _ interpreter.Activation = activation{}

func newActivation(variables *Variables) activation {
	passed := maxPassedValues
	return activation{variables: variables, passed: &passed}
}

// ResolveName returns the value of a variable.
func (a activation) ResolveName(name string) (any, bool) {
	switch name {
	case variableProject:
		return orEmpty(a.variables.Project), true
	case variableNamespaceInCEL:
		return orEmpty(a.variables.Namespace), true
	case variableOffering:
		return orEmpty(a.variables.Offering), true
	case variableObject:
		return orEmpty(a.variables.Object), true
	case variablePassed:
		return a.passed, true
	}
	return nil, false
}

// Parent is nil: there is no outer scope.
func (a activation) Parent() interpreter.Activation { return nil }

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
