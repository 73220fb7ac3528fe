package policies_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// typing is a driver whose type checker finds by the name of an offering.
type typing struct {
	scripted

	findings map[string][]policies.TypeFinding
	tolerant bool
	errs     map[string]error
	panics   bool
	// checked are the offerings that were asked for, in order.
	checked []string
	schemas []*schema.Structural
}

var _ policies.TypeChecker = (*typing)(nil)

func (d *typing) CheckTypes(_ context.Context, _ *v1alpha1.Guardrail, object policies.ObjectType) (policies.TypeReport, error) {
	d.checked = append(d.checked, object.Offering)
	d.schemas = append(d.schemas, object.Schema)
	if d.panics {
		panic("checker bug")
	}
	return policies.TypeReport{Findings: d.findings[object.Offering], Tolerant: d.tolerant}, d.errs[object.Offering]
}

// typedConditions are matchConditions whose type check always finds something.
type typedConditions struct{ scriptedConditions }

func (typedConditions) CheckConditionTypes(context.Context, *v1alpha1.Guardrail, policies.ObjectType) (policies.TypeReport, error) {
	return policies.TypeReport{Findings: []policies.TypeFinding{{Field: "spec.matchConditions[0].expression", Message: "m"}}}, nil
}

// offerings are types with schemas of their own.
func offerings(names ...string) []policies.ObjectType {
	var objects []policies.ObjectType
	for _, name := range names {
		objects = append(objects, policies.ObjectType{
			Offering: name, GVK: runtimeschema.GroupVersionKind{Kind: strings.ToUpper(name)}, Schema: &schema.Structural{},
		})
	}
	return objects
}

func checkTypes(t *testing.T, compiler *policies.Compiler, g *v1alpha1.Guardrail, objects []policies.ObjectType) []string {
	t.Helper()
	warnings, err := compiler.CheckTypes(t.Context(), g, objects)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, warning := range warnings {
		texts = append(texts, warning.FieldRef+": "+warning.Warning)
	}
	return texts
}

func TestOnlyOfferingsThatCanMatchAreChecked(t *testing.T) {
	type instances = v1alpha1.InstanceMatch
	tests := map[string]struct {
		match v1alpha1.GuardrailMatch
		want  []string
	}{
		"all":      {v1alpha1.GuardrailMatch{}, []string{"a", "ab", "b"}},
		"by name":  {v1alpha1.GuardrailMatch{InstanceMatch: instances{Offerings: []string{"b", "none"}}}, []string{"b"}},
		"by glob":  {v1alpha1.GuardrailMatch{InstanceMatch: instances{Offerings: []string{"a*"}}}, []string{"a", "ab"}},
		"excluded": {v1alpha1.GuardrailMatch{Excludes: []instances{{Offerings: []string{"a"}}}}, []string{"ab", "b"}},
		"excluded for some instances": {
			v1alpha1.GuardrailMatch{Excludes: []instances{{Offerings: []string{"a"}, Names: []string{"x"}}, {Projects: []string{"p"}}}},
			[]string{"a", "ab", "b"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			driver := &typing{}
			checkTypes(t, policies.NewCompiler(nil, driver), guardrail("g", match(test.match)), offerings("a", "ab", "b"))
			if diff := cmp.Diff(test.want, driver.checked); diff != "" {
				t.Errorf("checked (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("not where objects are no instances", func(t *testing.T) {
		driver := &typing{}
		g := guardrail("g")
		g.Spec.Evaluate = v1alpha1.EvaluateResources
		checkTypes(t, policies.NewCompiler(nil, driver), g, offerings("a"))
		if len(driver.checked) > 0 {
			t.Errorf("checked %v", driver.checked)
		}
	})
	t.Run("not without a schema", func(t *testing.T) {
		driver := &typing{}
		checkTypes(t, policies.NewCompiler(nil, driver), guardrail("g"), []policies.ObjectType{{Offering: "a"}})
		if len(driver.checked) > 0 {
			t.Errorf("checked %v", driver.checked)
		}
	})
}

func TestFindingsOfSeveralTypesAreMerged(t *testing.T) {
	strict := policies.TypeFinding{Field: "f", Line: 1, Column: 2, Message: "wrong", Hint: "try x", Type: ".spec"}
	tolerant := strict
	tolerant.Tolerant = true
	otherHint := strict
	otherHint.Hint = "try y"
	later := policies.TypeFinding{Field: "f", Line: 3, Column: 1, Message: "also wrong"}
	tests := map[string]struct {
		findings map[string][]policies.TypeFinding
		want     []string
	}{
		"of one type":            {map[string][]policies.TypeFinding{"b": {strict}}, []string{"f: line 1, column 2: wrong; try x (B.spec of offering b)"}},
		"of all, told once":      {map[string][]policies.TypeFinding{"a": {strict, strict}, "b": {strict}}, []string{"f: line 1, column 2: wrong; try x (A.spec of offering a, B.spec of offering b)"}},
		"hints that differ":      {map[string][]policies.TypeFinding{"a": {strict}, "b": {otherHint}}, []string{"f: line 1, column 2: wrong (A.spec of offering a, B.spec of offering b)"}},
		"tolerant, of one type":  {map[string][]policies.TypeFinding{"b": {tolerant}}, nil},
		"tolerant, of all types": {map[string][]policies.TypeFinding{"a": {tolerant}, "b": {tolerant}}, []string{"f: line 1, column 2: wrong; try x (A.spec of offering a, B.spec of offering b)"}},
		"in the order of lines": {map[string][]policies.TypeFinding{"a": {later}, "b": {strict}}, []string{
			"f: line 1, column 2: wrong; try x (B.spec of offering b)", "f: line 3, column 1: also wrong (A of offering a)",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := checkTypes(t, policies.NewCompiler(nil, &typing{findings: test.findings}), guardrail("g"), offerings("a", "b"))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTypeChecksAreBounded(t *testing.T) {
	var names []string
	findings := map[string][]policies.TypeFinding{}
	for i := range policies.MaxTypesToCheck + 3 {
		names = append(names, fmt.Sprintf("o%02d", i))
		findings[names[i]] = []policies.TypeFinding{{Field: "f", Message: "wrong"}}
	}
	driver := &typing{findings: findings}
	got := checkTypes(t, policies.NewCompiler(nil, driver), guardrail("g"), offerings(names...))
	if len(got) != 1 || !strings.HasSuffix(got[0], "; 3 more offerings were not checked, 10 is the limit)") {
		t.Errorf("got %q", got)
	}
	if diff := cmp.Diff(names[:policies.MaxTypesToCheck], driver.checked); diff != "" {
		t.Errorf("checked (-want +got):\n%s", diff)
	}

	findings["o00"] = nil
	for i := range policies.MaxTypeWarnings + 2 {
		findings["o00"] = append(findings["o00"], policies.TypeFinding{Field: "f", Line: i + 1, Column: 1, Message: "wrong"})
	}
	got = checkTypes(t, policies.NewCompiler(nil, driver), guardrail("g"), offerings("o00"))
	if len(got) != policies.MaxTypeWarnings+1 || got[policies.MaxTypeWarnings] != "spec: 2 more findings of the type checker are not shown" {
		t.Errorf("got %d warnings, the last is %q", len(got), got[len(got)-1])
	}
}

// TestTolerantPoliciesAreCheckedNoLongerThanItTakes shows that a policy without a mistake costs one check, however many offerings
// it is for.
func TestTolerantPoliciesAreCheckedNoLongerThanItTakes(t *testing.T) {
	finding := []policies.TypeFinding{{Field: "f", Message: "wrong", Tolerant: true}}
	for name, test := range map[string]struct {
		findings map[string][]policies.TypeFinding
		tolerant bool
		want     []string
	}{
		"nothing is found":                    {nil, true, []string{"a"}},
		"the second has what the first lacks": {map[string][]policies.TypeFinding{"a": finding}, true, []string{"a", "b"}},
		"all lack it":                         {map[string][]policies.TypeFinding{"a": finding, "b": finding, "c": finding}, true, []string{"a", "b", "c"}},
		"not all findings would be tolerant":  {nil, false, []string{"a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			driver := &typing{findings: test.findings, tolerant: test.tolerant}
			checkTypes(t, policies.NewCompiler(nil, driver), guardrail("g"), offerings("a", "b", "c"))
			if diff := cmp.Diff(test.want, driver.checked); diff != "" {
				t.Errorf("checked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyWhatChangedIsCheckedAgain(t *testing.T) {
	driver := &typing{}
	compiler := policies.NewCompiler(nil, driver)
	objects := offerings("a", "b")
	again := func(change string, g *v1alpha1.Guardrail, want ...string) {
		t.Helper()
		driver.checked = nil
		checkTypes(t, compiler, g, objects)
		if !slices.Equal(driver.checked, want) {
			t.Errorf("%s: checked %v, want %v", change, driver.checked, want)
		}
	}
	again("new", guardrail("g"), "a", "b")
	again("nothing", guardrail("g"))
	again("another guardrail of the same text", guardrail("h"))
	again("the guardrail", guardrail("g", ignore), "a", "b")
	objects[1].Schema = &schema.Structural{}
	again("an offering", guardrail("g"), "b")
	// A request that is refused and the next one have the same generation.
	again("the spec, not the generation", retitled(stored("g", "1", 1), "x"), "a", "b")
	again("the spec, not the generation", retitled(stored("g", "1", 1), "y"), "a", "b")
}

func TestAFailedCheckIsToldAndTriedAgain(t *testing.T) {
	driver := &typing{errs: map[string]error{"b": errFailing}, findings: map[string][]policies.TypeFinding{"a": {{Field: "f", Message: "wrong"}}}}
	compiler := policies.NewCompiler(nil, driver)
	want := []string{"f: wrong (A of offering a)", "spec: types were not checked to the end: " + errFailing.Error()}
	objects := offerings("a", "b", "c")
	for range 10 {
		if diff := cmp.Diff(want, checkTypes(t, compiler, guardrail("g"), objects)); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
	}
	if want := []string{"a", "b", "b", "b"}; !slices.Equal(driver.checked, want) {
		t.Errorf("checked %v, want %v: what failed is tried again, though not for ever, and nothing after it", driver.checked, want)
	}
	driver.panics = true
	got := checkTypes(t, compiler, guardrail("g", ignore), offerings("a"))
	if diff := cmp.Diff([]string{"spec: types were not checked to the end: internal error while checking types: checker bug"}, got); diff != "" {
		t.Errorf("warnings after a panic (-want +got):\n%s", diff)
	}
}

func TestTypeChecksEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	warnings, err := policies.NewCompiler(nil, &typing{}).CheckTypes(ctx, guardrail("g"), offerings("a"))
	if warnings != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", warnings, err)
	}
}

func TestMatchConditionsAreCheckedWhateverTheLanguage(t *testing.T) {
	compiler := policies.NewCompiler(typedConditions{}, &scripted{})
	got := checkTypes(t, compiler, guardrail("g", condition("true")), offerings("a"))
	if diff := cmp.Diff([]string{"spec.matchConditions[0].expression: m (A of offering a)"}, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if got := checkTypes(t, compiler, guardrail("g"), offerings("a")); got != nil {
		t.Errorf("without matchConditions: %q", got)
	}
}

// TestMetadataIsKnownWhateverTheSchemaSays compares it with metav1.ObjectMeta's own JSON.
func TestMetadataIsKnownWhateverTheSchemaSays(t *testing.T) {
	driver := &typing{}
	own := &schema.Structural{Properties: map[string]schema.Structural{"spec": {Generic: schema.Generic{Type: "object"}}}}
	checkTypes(t, policies.NewCompiler(nil, driver), guardrail("g"), []policies.ObjectType{{Offering: "a", Schema: own}})
	got := driver.schemas[0].Properties
	names := func(properties map[string]schema.Structural) map[string]string {
		types := map[string]string{}
		for name := range properties {
			types[name] = properties[name].Type
		}
		return types
	}
	if diff := cmp.Diff(map[string]string{"apiVersion": "string", "kind": "string", "metadata": "object", "spec": "object"}, names(got)); diff != "" {
		t.Errorf("root (-want +got):\n%s", diff)
	}
	metadata := map[string]string{
		"name": "string", "generateName": "string", "namespace": "string", "selfLink": "string", "uid": "string", "resourceVersion": "string",
		"generation": "integer", "creationTimestamp": "string", "deletionTimestamp": "string", "deletionGracePeriodSeconds": "integer",
		"labels": "object", "annotations": "object", "ownerReferences": "array", "finalizers": "array", "managedFields": "array",
	}
	if diff := cmp.Diff(metadata, names(got["metadata"].Properties)); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if len(own.Properties) != 1 {
		t.Errorf("the schema that was given has changed: %v", names(own.Properties))
	}
}
