package gatekeeper

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	apivalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Enforcement points: who asks.
const (
	// PointAdmission is Gatekeeper's webhook, whose part kroguard takes.
	PointAdmission = "validation.gatekeeper.sh"
	// PointTest is Gatekeeper's command line, which runs suites.
	PointTest = "gator.gatekeeper.sh"

	pointAll     = "*"
	actionScoped = "scoped"
)

// Constraint is a constraint that its template has checked, with the template's defaults. It is immutable and safe for concurrent use.
type Constraint struct {
	Template *Template
	Name     string
	// Object is the constraint with defaults, decoded from JSON. It must not be changed.
	Object map[string]any

	match matcher
	// specialized is the template's Rego with the constraint's parameters, made when it is first needed; nil for CEL.
	specialized func() (*rego.Policy, error)
	// action is spec.enforcementAction; scoped are the actions by enforcement point where it is "scoped".
	action string
	scoped map[string][]string
}

// Constraint checks a constraint and fills in defaults. The object is not changed. The error is one of ErrConstraint or ErrSchema.
func (t *Template) Constraint(object map[string]any) (*Constraint, error) {
	copied, err := normalized(object)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: copied}
	if err := t.check(u); err != nil {
		return nil, err
	}
	defaulting.Default(copied, t.structural)
	c := &Constraint{Template: t, Name: u.GetName(), Object: copied}
	spec, _ := copied["spec"].(map[string]any)
	if c.match, err = newMatcher(spec["match"]); err != nil {
		return nil, fmt.Errorf("%w: spec.match: %w", ErrConstraint, err)
	}
	if t.rego != nil {
		c.specialized = sync.OnceValues(func() (*rego.Policy, error) { return t.rego.Policy(t.Kind+"/"+c.Name, spec["parameters"]) })
	}
	c.action, _ = spec["enforcementAction"].(string)
	if c.action == "" {
		c.action = "deny"
	}
	if c.action == actionScoped {
		c.scoped, err = scopedActions(spec["scopedEnforcementActions"])
	}
	return c, err
}

// normalized is a copy, with numbers as policies see them.
func normalized(object map[string]any) (map[string]any, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConstraint, err)
	}
	var copied map[string]any
	if err := utiljson.Unmarshal(text, &copied); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConstraint, err)
	}
	return copied, nil
}

// check does what Gatekeeper does before it takes a constraint, in the same order: an error of the schema is one only where nothing
// else is wrong.
func (t *Template) check(u *unstructured.Unstructured) error {
	gvk := u.GroupVersionKind()
	switch {
	case u.GetName() == "":
		return fmt.Errorf("%w: it has no name", ErrConstraint)
	case gvk.Group != ConstraintGroup:
		return fmt.Errorf("%w: this is %s, and no constraint: its group is %s", ErrConstraint, describe(gvk), ConstraintGroup)
	case gvk.Kind != t.Kind:
		return fmt.Errorf("%w: the template makes constraints of kind %s, this is one of kind %s", ErrConstraint, t.Kind, gvk.Kind)
	}
	for _, name := range []string{"labelSelector", "namespaceSelector"} {
		if err := checkSelector(u, name); err != nil {
			return err
		}
	}
	if problems := apivalidation.IsDNS1123Subdomain(u.GetName()); len(problems) > 0 {
		return fmt.Errorf("%w: the name %q: %s", ErrConstraint, u.GetName(), strings.Join(problems, "; "))
	}
	if gvk.Version != "v1beta1" && gvk.Version != "v1alpha1" {
		return fmt.Errorf("%w: there is no version %q: write v1beta1", ErrConstraint, gvk.Version)
	}
	return t.checkSchema(u)
}

func (t *Template) checkSchema(u *unstructured.Unstructured) error {
	validator, _, err := crdvalidation.NewSchemaValidator(t.crd.Spec.Validation.OpenAPIV3Schema)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConstraint, err)
	}
	if errs := crdvalidation.ValidateCustomResource(field.NewPath(""), u.Object, validator); len(errs) > 0 {
		return fmt.Errorf("%w: %w", ErrSchema, errs.ToAggregate())
	}
	unknown := pruning.PruneWithOptions(u.DeepCopy().Object, t.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if len(unknown) > 0 {
		return fmt.Errorf("%w: there are no fields %s", ErrConstraint, strings.Join(unknown, ", "))
	}
	return nil
}

func checkSelector(u *unstructured.Unstructured, name string) error {
	value, found, err := unstructured.NestedMap(u.Object, "spec", "match", name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConstraint, err)
	}
	if !found || value == nil {
		return nil
	}
	selector := new(metav1.LabelSelector)
	if err := convert(value, selector); err != nil {
		return fmt.Errorf("%w: spec.match.%s: %w", ErrConstraint, name, err)
	}
	path := field.NewPath("spec", "match", name)
	if errs := metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path); len(errs) > 0 {
		return fmt.Errorf("%w: %w", ErrConstraint, errs.ToAggregate())
	}
	return nil
}

// convert makes a typed value of decoded JSON.
func convert(value, into any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// scopedActions are the actions by enforcement point; pointAll stands for all.
func scopedActions(value any) (map[string][]string, error) {
	var list []struct {
		Action            string                  `json:"action"`
		EnforcementPoints []struct{ Name string } `json:"enforcementPoints"`
	}
	if value == nil {
		return nil, fmt.Errorf("%w: with enforcementAction scoped, spec.scopedEnforcementActions says what follows where", ErrConstraint)
	}
	if err := convert(value, &list); err != nil {
		return nil, fmt.Errorf("%w: spec.scopedEnforcementActions: %w", ErrConstraint, err)
	}
	actions := map[string][]string{}
	for _, scoped := range list {
		for _, point := range scoped.EnforcementPoints {
			actions[point.Name] = append(actions[point.Name], scoped.Action)
		}
	}
	return actions, nil
}

// Actions are what violations do at an enforcement point; none where the constraint is not for it. What Gatekeeper calls dryrun, and
// whatever else it does not know, is Audit.
func (c *Constraint) Actions(point string) []v1alpha1.ValidationAction {
	names := []string{c.action}
	if c.action == actionScoped {
		names = append(slices.Clone(c.scoped[pointAll]), c.scoped[point]...)
	}
	var actions []v1alpha1.ValidationAction
	for _, name := range names {
		action := v1alpha1.ActionAudit
		switch name {
		case "deny":
			action = v1alpha1.ActionDeny
		case "warn":
			action = v1alpha1.ActionWarn
		}
		if !slices.Contains(actions, action) {
			actions = append(actions, action)
		}
	}
	return actions
}
