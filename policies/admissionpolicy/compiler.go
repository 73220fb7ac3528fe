package admissionpolicy

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Options are what a Compiler needs. All are immutable or safe for concurrent use.
type Options struct {
	// Driver compiles the expressions. It is needed.
	Driver *cel.Driver
	// Params looks params up; where it is nil, no paramKind is known.
	Params Params
	// Equivalents yields other versions of a resource, for matchPolicy Equivalent; where it is nil, there are none.
	Equivalents Equivalents
	// Instances has instances judged, and not only what they expand into: an API server asks the policies about an instance itself,
	// but where there is none nobody does.
	Instances bool
}

// Compiler makes policies of ValidatingAdmissionPolicies and their bindings. What did not change since the last call is not compiled
// again. It is safe for concurrent use.
type Compiler struct {
	options Options

	mu sync.Mutex
	// policies and bindings are those of the last call, and nothing else; made is what it yielded.
	policies map[textKey]*policy
	bindings map[bindingKey]*binding
	made     []policies.Policy
}

// NewCompiler builds a Compiler.
func NewCompiler(options Options) *Compiler { return &Compiler{options: options} }

// Compile makes a policy of each binding, called "policy/binding", in the order of these names. A policy without a binding says
// nothing, and neither does a binding without a policy. It never fails as a whole: what does not compile is a policy with an error.
// A binding that doesn't deny may make a second one, called "policy/binding (configuration)", of what an API server refuses
// all the same: params that are not found where the binding asks for them, and auditAnnotations that fail.
//
// Nothing that is given is kept or changed, and nil is skipped. What is yielded is the slice of the last call where nothing changed.
func (c *Compiler) Compile(
	definitions []*admissionregistrationv1.ValidatingAdmissionPolicy,
	bound []*admissionregistrationv1.ValidatingAdmissionPolicyBinding,
) []policies.Policy {
	c.mu.Lock()
	defer c.mu.Unlock()

	byName := make(map[string]*admissionregistrationv1.ValidatingAdmissionPolicy, len(definitions))
	for _, definition := range definitions {
		if definition != nil {
			byName[definition.Name] = definition
		}
	}
	compiled, keys := map[textKey]*policy{}, map[string]textKey{}
	bindings, same := map[bindingKey]*binding{}, true
	for _, b := range bound {
		if b == nil || byName[b.Spec.PolicyName] == nil {
			continue
		}
		definition := byName[b.Spec.PolicyName]
		key, ok := keys[definition.Name]
		if !ok {
			key = keyOf(&definition.ObjectMeta, &definition.Spec)
			keys[definition.Name] = key
			compiled[key] = c.policy(key, definition)
		}
		pair := bindingKey{policy: key, binding: keyOf(&b.ObjectMeta, &b.Spec)}
		made, ok := c.bindings[pair]
		if !ok {
			same = false
			made = c.bind(compiled[key], definition, b)
		}
		bindings[pair] = made
	}
	same = same && len(bindings) == len(c.bindings)
	c.policies, c.bindings = compiled, bindings
	if !same || c.made == nil {
		c.made = policiesOf(bindings)
	}
	return c.made
}

// textKey identifies the text of a policy or binding: in a cluster by its UID and generation, offline by its name and a digest.
type textKey struct {
	uid        types.UID
	generation int64
	name       string
	digest     [sha256.Size]byte
}

// bindingKey identifies a binding together with its policy.
type bindingKey struct{ policy, binding textKey }

func keyOf(meta *metav1.ObjectMeta, spec any) textKey {
	if meta.UID != "" && meta.Generation > 0 {
		return textKey{uid: meta.UID, generation: meta.Generation}
	}
	// A spec always has a JSON.
	text, _ := json.Marshal(spec) //nolint:errchkjson // it has no type that has none
	return textKey{name: meta.Name, digest: sha256.Sum256(text)}
}

// policy yields the compiled policy, the one of the last call where it did not change.
func (c *Compiler) policy(key textKey, definition *admissionregistrationv1.ValidatingAdmissionPolicy) *policy {
	if known, ok := c.policies[key]; ok {
		return known
	}
	spec := &definition.Spec
	p := &policy{
		name:   definition.Name,
		ignore: spec.FailurePolicy != nil && *spec.FailurePolicy == admissionregistrationv1.Ignore,
		errs:   checkPolicy(spec),
	}
	matching, errs := compileConstraints("spec.matchConstraints", spec.MatchConstraints, c.options.Equivalents)
	p.constraints = matching
	p.errs = append(p.errs, errs...)
	compiled, err := compileExpressions(c.options.Driver, spec)
	if err != nil {
		p.errs = append(p.errs, err...)
	}
	p.compiled = compiled
	return p
}

// compileExpressions keeps a mistake in the driver from being everybody's.
func compileExpressions(
	driver *cel.Driver, spec *admissionregistrationv1.ValidatingAdmissionPolicySpec,
) (compiled *cel.AdmissionPolicy, errs policies.CompileErrors) {
	defer func() {
		if cause := recover(); cause != nil {
			errs = policies.CompileErrors{{Field: "spec", Message: fmt.Sprintf("internal error while compiling: %v", cause)}}
		}
	}()
	compiled, err := driver.CompileAdmissionPolicy(spec)
	if err == nil {
		return compiled, nil
	}
	if places, ok := err.(policies.CompileErrors); ok { //nolint:errorlint // nobody wraps it
		return nil, places
	}
	return nil, policies.CompileErrors{{Field: "spec", Message: err.Error()}}
}

// checkPolicy finds what an API server would not have let in, and nobody checks in a file.
func checkPolicy(spec *admissionregistrationv1.ValidatingAdmissionPolicySpec) policies.CompileErrors {
	var errs policies.CompileErrors
	if spec.MatchConstraints == nil || len(spec.MatchConstraints.ResourceRules) == 0 {
		errs = append(errs, policies.CompileError{
			Field: "spec.matchConstraints.resourceRules", Message: "it is required: which resources is the policy for?",
		})
	}
	if len(spec.Validations) == 0 && len(spec.AuditAnnotations) == 0 {
		errs = append(errs, policies.CompileError{Field: "spec.validations", Message: "there is nothing to evaluate"})
	}
	if policy := spec.FailurePolicy; policy != nil && *policy != admissionregistrationv1.Ignore && *policy != admissionregistrationv1.Fail {
		errs = append(errs, policies.CompileError{
			Field: "spec.failurePolicy", Message: fmt.Sprintf("%q is neither Fail nor Ignore", *policy),
		})
	}
	return errs
}

// bind compiles a binding.
func (c *Compiler) bind(
	of *policy, definition *admissionregistrationv1.ValidatingAdmissionPolicy, source *admissionregistrationv1.ValidatingAdmissionPolicyBinding,
) *binding {
	b := &binding{policy: of, name: source.Name, actions: slices.Clone(source.Spec.ValidationActions), instances: c.options.Instances}
	var errs policies.CompileErrors
	b.constraints, errs = compileConstraints("binding spec.matchResources", source.Spec.MatchResources, c.options.Equivalents)
	b.errs = append(b.errs, errs...)
	b.params, errs = compileParamRef(definition.Spec.ParamKind, source.Spec.ParamRef, c.options.Params)
	b.errs = append(b.errs, errs...)
	if len(b.actions) == 0 {
		b.errs = append(b.errs, policies.CompileError{
			Field: "binding spec.validationActions", Message: "it is required: Deny, Warn or Audit",
		})
	}
	return b
}

// policiesOf are the bindings as policies, by name.
func policiesOf(bindings map[bindingKey]*binding) []policies.Policy {
	made := make([]policies.Policy, 0, len(bindings))
	for _, b := range bindings {
		made = append(made, b.policies()...)
	}
	slices.SortFunc(made, func(a, b policies.Policy) int { return cmp.Compare(a.Name, b.Name) })
	return made
}

// policies are one or two; see Compile.
func (b *binding) policies() []policies.Policy {
	p := policies.Policy{
		Source: Source, Name: b.policy.name + "/" + b.name, Engine: cel.Engine, Ignore: b.policy.ignore, Matches: b.matches,
	}
	for _, action := range b.actions {
		p.Actions = append(p.Actions, v1alpha1.ValidationAction(action))
	}
	if errs := slices.Concat(b.policy.errs, b.errs); len(errs) > 0 {
		p.Err = errs
		return []policies.Policy{p}
	}
	mayFail := !b.params.kind.Empty() || b.policy.compiled.Annotates()
	if p.Ignore || !mayFail || slices.Contains(b.actions, admissionregistrationv1.Deny) {
		p.Program = &program{binding: b, does: validations | configuration}
		return []policies.Policy{p}
	}
	refused := p
	p.Program = &program{binding: b, does: validations}
	refused.Name += " (configuration)"
	refused.Actions = []v1alpha1.ValidationAction{v1alpha1.ActionDeny}
	refused.Program = &program{binding: b, does: configuration}
	return []policies.Policy{p, refused}
}

// ParamKinds are the kinds of params that policies with a binding use, sorted: those to be watched, or read from files.
func ParamKinds(
	definitions []*admissionregistrationv1.ValidatingAdmissionPolicy,
	bound []*admissionregistrationv1.ValidatingAdmissionPolicyBinding,
) []schema.GroupVersionKind {
	bindings := map[string]bool{}
	for _, b := range bound {
		if b != nil && b.Spec.ParamRef != nil {
			bindings[b.Spec.PolicyName] = true
		}
	}
	var kinds []schema.GroupVersionKind
	for _, definition := range definitions {
		if definition == nil || definition.Spec.ParamKind == nil || !bindings[definition.Name] {
			continue
		}
		if group, err := schema.ParseGroupVersion(definition.Spec.ParamKind.APIVersion); err == nil {
			kinds = append(kinds, group.WithKind(definition.Spec.ParamKind.Kind))
		}
	}
	slices.SortFunc(kinds, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(kinds)
}
