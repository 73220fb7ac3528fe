package gatekeeper

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
)

// Compiler compiles templates. It is immutable and safe for concurrent use.
type Compiler struct {
	cel    *cel.Driver
	rego   *rego.Driver
	scheme *runtime.Scheme
}

// NewCompiler returns a compiler that runs templates by the drivers.
func NewCompiler(celDriver *cel.Driver, regoDriver *rego.Driver) (*Compiler, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	return &Compiler{cel: celDriver, rego: regoDriver, scheme: scheme}, nil
}

// Template is a compiled ConstraintTemplate. It is immutable and safe for concurrent use.
type Template struct {
	// Kind is the kind of its constraints.
	Kind string
	// Engine is the language that is used: "CEL" where there is both.
	Engine string
	// Title is the template's title, as the annotation metadata.gatekeeper.sh/title gives it; it may be empty.
	Title string
	// IgnoresErrors says that a constraint that can't be evaluated is no violation.
	IgnoresErrors bool

	crd        *apiextensions.CustomResourceDefinition
	structural *schema.Structural
	operations []string
	// One of them is there.
	rego *rego.Template
	cel  *cel.Template
}

// titleAnnotation is what Gatekeeper's library gives its templates.
const titleAnnotation = "metadata.gatekeeper.sh/title"

// Template compiles a ConstraintTemplate, decoded from JSON. The error is one of ErrTemplate, or holds policies.CompileErrors.
func (c *Compiler) Template(ctx context.Context, object map[string]any) (*Template, error) {
	source, err := decodeTemplate(object)
	if err != nil {
		return nil, err
	}
	target, err := onlyTarget(source)
	if err != nil {
		return nil, err
	}
	crd, structural, err := c.definition(ctx, source)
	if err != nil {
		return nil, err
	}
	t := &Template{
		Kind: crd.Spec.Names.Kind, Title: source.Annotations[titleAnnotation],
		crd: crd, structural: structural, operations: target.Operations,
	}
	if i := codeOf(target, engineCEL); i >= 0 {
		t.Engine = cel.Engine
		return t, c.compileCEL(ctx, t, target, i)
	}
	t.Engine = c.rego.Engine()
	return t, c.compileRego(ctx, t, target)
}

// onlyTarget checks what a template must have, and yields its target.
func onlyTarget(source *template) (*templateTarget, error) {
	kind := source.Spec.CRD.Spec.Names.Kind
	switch {
	case len(source.Spec.Targets) != 1:
		return nil, fmt.Errorf("%w: there are %d targets: give one", ErrTemplate, len(source.Spec.Targets))
	case kind == "":
		return nil, fmt.Errorf("%w: spec.crd.spec.names.kind is missing", ErrTemplate)
	case !strings.EqualFold(source.Name, kind):
		return nil, fmt.Errorf("%w: the name is %q, and has to be the kind in lower case: %q", ErrTemplate, source.Name, strings.ToLower(kind))
	case source.Spec.Targets[0].Target != targetName:
		return nil, fmt.Errorf("%w: there is no target %q: write %s", ErrTemplate, source.Spec.Targets[0].Target, targetName)
	}
	return &source.Spec.Targets[0], nil
}

// codeOf is the place of the first code of an engine; -1 where there is none.
func codeOf(target *templateTarget, engine string) int {
	for i := range target.Code {
		if target.Code[i].Engine == engine {
			return i
		}
	}
	return -1
}

// wrapCompile marks the error of a compiler as the template's fault.
func wrapCompile(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrTemplate, err)
}

// compileErrors is one place at fault.
func compileErrors(field, message string) error {
	return wrapCompile(policies.CompileErrors{{Field: field, Message: message}})
}
