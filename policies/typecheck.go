package policies

import (
	"context"
	"errors"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const (
	// MaxTypesToCheck is how many offerings one guardrail is checked against, the first by name. Kubernetes checks as many kinds of
	// a ValidatingAdmissionPolicy (k8s.io/apiserver/pkg/admission/plugin/policy/validating.maxTypesToCheck).
	MaxTypesToCheck = 10

	// MaxTypeWarnings is how many findings of the type checker are told of one guardrail. Nobody reads more at once.
	MaxTypeWarnings = 20

	// TypeCheckTimeout is the time that one guardrail has for all its offerings. A realistic check takes milliseconds; what takes
	// longer must hold up neither an apply nor the statuses of others.
	TypeCheckTimeout = time.Second
)

// ObjectType is the type of an offering's instances. It is comparable: two are equal where they share their schema.
type ObjectType struct {
	// Offering is the RGD's name.
	Offering string
	// GVK is the kind of the instances.
	GVK runtimeschema.GroupVersionKind
	// Schema is the structural schema of the whole instance. It must not be changed. Of apiVersion, kind and metadata the types
	// are known whatever it says of them.
	Schema *schema.Structural
}

// TypeChecker is what a Driver may be besides: it checks a policy against the type of the instances that it is for.
type TypeChecker interface {
	// CheckTypes checks the policy of a guardrail that compiles. It must not keep the guardrail. An error means that the check
	// could not be made.
	CheckTypes(ctx context.Context, guardrail *v1alpha1.Guardrail, object ObjectType) (TypeReport, error)
}

// ConditionTypeChecker is what a ConditionCompiler may be besides: it checks matchConditions as TypeChecker checks policies.
type ConditionTypeChecker interface {
	// CheckConditionTypes checks the matchConditions of a guardrail that compiles, as CheckTypes does the policy.
	CheckConditionTypes(ctx context.Context, guardrail *v1alpha1.Guardrail, object ObjectType) (TypeReport, error)
}

// TypeReport is what a type checker finds. It is immutable.
type TypeReport struct {
	Findings []TypeFinding
	// Tolerant says that all findings are tolerant, those for other types included.
	Tolerant bool
}

// TypeFinding is one place where a policy does not fit the type of an instance.
type TypeFinding struct {
	// Field is the path in the Guardrail: spec.cel.validations[0].expression, spec.rego.modules[main.rego].source
	Field string
	// Line and Column count from 1 within that field's text; 0 where there is no place.
	Line, Column int
	// Message says what does not fit: "undefined field replcas in object.spec".
	Message string
	// Hint helps to repair it, and may differ from type to type: "did you mean replicas?". Empty for none.
	Hint string
	// Type is the path of the type within the kind: ".spec"; empty for the kind itself, or where it isn't known.
	Type string
	// Tolerant marks what is a mistake only if it is one for every offering: a field that some offerings have, read in a way
	// that does no harm to those that don't.
	Tolerant bool
}

// CheckTypes checks a guardrail against those of the types that its match.offerings select, MaxTypesToCheck at most. A
// guardrail that does not compile has no findings here. Results are kept, so that only what changed is checked again: pass
// equal ObjectTypes for what did not. The error is the context's; then there are no findings.
//
// It is safe for concurrent use and does not wait for Compile.
func (c *Compiler) CheckTypes(
	ctx context.Context, guardrail *v1alpha1.Guardrail, objects []ObjectType,
) ([]v1alpha1.ExpressionWarning, error) {
	if guardrail.Spec.Evaluate == v1alpha1.EvaluateResources {
		return nil, nil // objects are no instances then
	}
	selected := selectTypes(guardrail, objects)
	checked := selected[:min(len(selected), MaxTypesToCheck)]

	limited, cancel := context.WithTimeout(ctx, TypeCheckTimeout)
	defer cancel()
	merged := typeFindings{unchecked: len(selected) - len(checked)}
	// Not by the generation: a request that is refused, or a dry-run, has the generation of another spec that is to come.
	key := specDigest(guardrail)
	canceled := func() bool { return ctx.Err() != nil }
	for _, object := range checked {
		report, err := c.reports.get(typeReportKey{guardrail: key, object: object}, canceled, func() (TypeReport, error) {
			return c.checkType(limited, guardrail, object)
		})
		if canceled() {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			merged.failed = err
			break
		}
		merged.add(object, report)
		if report.Tolerant && !merged.open() {
			break // no type can add anything
		}
	}
	return merged.warnings(), nil
}

// checkType checks policy and matchConditions against one type.
func (c *Compiler) checkType(ctx context.Context, guardrail *v1alpha1.Guardrail, object ObjectType) (report TypeReport, err error) {
	defer recoverAs(&err, "checking types")
	object = object.complete()
	report.Tolerant = true
	var errs []error
	add := func(part TypeReport, err error) {
		report.Findings = append(report.Findings, part.Findings...)
		report.Tolerant = report.Tolerant && part.Tolerant
		errs = append(errs, err)
	}
	if checker, ok := c.conditions.(ConditionTypeChecker); ok && len(guardrail.Spec.MatchConditions) > 0 {
		add(checker.CheckConditionTypes(ctx, guardrail, object))
	}
	if checker, ok := c.driverFor(guardrail).(TypeChecker); ok {
		add(checker.CheckTypes(ctx, guardrail, object))
	}
	return report, errors.Join(errs...)
}

// selectTypes are the types that match.offerings select, and no exclude takes out for every instance.
func selectTypes(guardrail *v1alpha1.Guardrail, objects []ObjectType) []ObjectType {
	matching := matchCompiler{}
	matcher := matching.guardrail("spec.match", &guardrail.Spec.Match)
	var selected []ObjectType
	for _, object := range objects {
		if object.Schema != nil && matcher.selects(object.Offering) {
			selected = append(selected, object)
		}
	}
	return selected
}

// selects reports whether an instance of the offering can match.
func (m *guardrailMatcher) selects(offering string) bool {
	if !m.instance.offerings.holdsIfAny(offering) {
		return false
	}
	for i := range m.excludes {
		exclude := &m.excludes[i]
		others := exclude.projects.given || exclude.namespaces.given || exclude.names.given
		if !others && exclude.offerings.holdsIfAny(offering) {
			return false
		}
	}
	return true
}
