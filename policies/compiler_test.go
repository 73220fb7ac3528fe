package policies_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// stored is a guardrail as a cluster holds it.
func stored(name string, uid types.UID, generation int64) *v1alpha1.Guardrail {
	g := guardrail(name)
	g.UID, g.Generation = uid, generation
	return g
}

func retitled(g *v1alpha1.Guardrail, title string) *v1alpha1.Guardrail {
	g.Spec.Title = title
	return g
}

func TestOnlyWhatChangedIsCompiled(t *testing.T) {
	type list = []*v1alpha1.Guardrail
	tests := map[string]struct {
		sets []list
		want []string
	}{
		"same UID and generation": {
			sets: []list{{stored("a", "1", 1), stored("b", "2", 1)}, {stored("b", "2", 1), stored("a", "1", 1)}},
			want: []string{"a", "b"},
		},
		"another generation":               {sets: []list{{stored("a", "1", 1)}, {stored("a", "1", 2)}}, want: []string{"a", "a"}},
		"deleted and created again":        {sets: []list{{stored("a", "1", 1)}, {stored("a", "2", 1)}}, want: []string{"a", "a"}},
		"offline, the same spec":           {sets: []list{{guardrail("a")}, {guardrail("a")}}, want: []string{"a"}},
		"offline, another spec":            {sets: []list{{guardrail("a")}, {retitled(guardrail("a"), "A")}}, want: []string{"a", "a"}},
		"offline, another name":            {sets: []list{{guardrail("a")}, {guardrail("b")}}, want: []string{"a", "b"}},
		"what left the Set is forgotten":   {sets: []list{{stored("a", "1", 1)}, {}, {stored("a", "1", 1)}}, want: []string{"a", "a"}},
		"what does not compile stays, too": {sets: []list{{stored("bad", "1", 1)}, {stored("bad", "1", 1)}}, want: []string{"bad"}},
		"a nil entry is skipped":           {sets: []list{{nil, guardrail("a"), nil}}, want: []string{"a"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			driver := &scripted{errors: map[string]error{"bad": errFailing}}
			compiler := policies.NewCompiler(nil, driver)
			for _, guardrails := range test.sets {
				compiler.Compile(context.Background(), guardrails, nil)
			}
			slices.Sort(driver.compiled) // they are compiled side by side
			if diff := cmp.Diff(test.want, driver.compiled); diff != "" {
				t.Errorf("compiled (-want +got):\n%s", diff)
			}
		})
	}
}

func TestACompilationThatWasCutShortIsDoneAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	driver := &scripted{}
	compiler := policies.NewCompiler(nil, driver)
	compiler.Compile(ctx, []*v1alpha1.Guardrail{guardrail("a")}, nil)
	compiler.Compile(context.Background(), []*v1alpha1.Guardrail{guardrail("a")}, nil)
	if diff := cmp.Diff([]string{"a", "a"}, driver.compiled); diff != "" {
		t.Errorf("compiled (-want +got):\n%s", diff)
	}
}

func TestASetKeepsNothingOfTheObjects(t *testing.T) {
	g, waiver := guardrail("g", actions(v1alpha1.ActionWarn)), exception("e", "g")
	set := policies.NewCompiler(nil, &scripted{}).Compile(
		context.Background(), []*v1alpha1.Guardrail{g}, []*v1alpha1.GuardrailException{waiver})
	g.Spec.ValidationActions[0], g.Spec.Title = v1alpha1.ActionDeny, "changed"
	waiver.Spec.Guardrails[0], waiver.Spec.Match.Names[0] = "changed", "changed"
	got := set.Evaluate(context.Background(), policies.NewInput(review()), noon())
	want := &policies.Verdict{Waived: []policies.Violation{violation("g", func(v *policies.Violation) {
		v.Action, v.Exception = v1alpha1.ActionWarn, "e"
	})}}
	if diff := diffVerdict(want, got); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
}

func TestASetTellsOfItsGuardrails(t *testing.T) {
	warnings := []v1alpha1.ExpressionWarning{{FieldRef: "spec.cel.x", Warning: "w"}}
	driver := &scripted{
		errors:   map[string]error{"bad": errFailing},
		warnings: map[string][]v1alpha1.ExpressionWarning{"warned": warnings},
	}
	foreign := guardrail("foreign", func(spec *v1alpha1.GuardrailSpec) { spec.CEL = nil })
	set := policies.NewCompiler(nil, driver).Compile(context.Background(),
		[]*v1alpha1.Guardrail{stored("warned", "1", 7), foreign, guardrail("bad")}, nil)
	want := []policies.CompiledInfo{
		{Name: "bad", Engine: "Scripted", Err: policies.CompileErrors{{Field: "spec", Message: "it went wrong"}}},
		{Name: "foreign", Err: policies.CompileErrors{{
			Field: "spec", Message: "no engine handles the guardrail: give exactly one of cel, rego",
		}}},
		{Name: "warned", UID: "1", Generation: 7, Engine: "Scripted", Warnings: warnings},
	}
	if diff := cmp.Diff(want, set.Guardrails()); diff != "" {
		t.Errorf("guardrails (-want +got):\n%s", diff)
	}
	if set.Len() != 3 {
		t.Errorf("length: got %d", set.Len())
	}
}

func TestCheckGuardrailNamesEveryPlace(t *testing.T) {
	broken := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Equals"}}}
	place := policies.CompileErrors{{Field: "spec.cel.x", Line: 2, Column: 3, Message: "bad"}}
	g := guardrail("g", condition("???"), func(spec *v1alpha1.GuardrailSpec) {
		spec.ValidationActions = []v1alpha1.ValidationAction{"Deny", "deny"}
		spec.FailurePolicy = "fail"
		spec.Evaluate, spec.OnUnknown = "Resource", "deny"
		spec.Match = v1alpha1.GuardrailMatch{
			NamespaceSelector: broken, Excludes: []v1alpha1.InstanceMatch{{Names: names("x")}, {}},
		}
	})
	const selector = `"Equals" is not a valid label selector operator`
	want := policies.CompileErrors{
		{Field: "spec.validationActions[1]", Message: `"deny" is none of Deny, Warn, Audit`},
		{Field: "spec.failurePolicy", Message: `"fail" is neither Fail nor Ignore`},
		{Field: "spec.evaluate", Message: `"Resource" is neither Instance nor Resources`},
		{Field: "spec.onUnknown", Message: `"deny" is none of Allow, Warn, Deny`},
		{Field: "spec.match.namespaceSelector", Message: selector},
		{Field: "spec.match.excludes[1]", Message: "an empty entry would exclude every instance: say which"},
		{Field: "spec.matchConditions[0].expression", Line: 1, Column: 1, Message: "unknown"},
		{Field: "spec.cel.x", Line: 2, Column: 3, Message: "bad"},
	}
	driver := &scripted{errors: map[string]error{"g": errors.Join(place)}}
	_, err := policies.NewCompiler(scriptedConditions{}, driver).CheckGuardrail(context.Background(), g)
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestCheckGuardrailYieldsWarnings(t *testing.T) {
	want := []v1alpha1.ExpressionWarning{{FieldRef: "spec.cel.x", Warning: "w"}}
	driver := &scripted{warnings: map[string][]v1alpha1.ExpressionWarning{"g": want}}
	got, err := policies.NewCompiler(nil, driver).CheckGuardrail(context.Background(), guardrail("g"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// A broken match must not let through what the guardrail was meant for, nor an exclude that does not compile take it out.
func TestABrokenMatchIsMetByAll(t *testing.T) {
	broken := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Equals"}}}
	for name, m := range map[string]v1alpha1.GuardrailMatch{
		"namespaceSelector": {NamespaceSelector: broken},
		"objectSelector":    {ObjectSelector: broken},
		"excludes":          {Excludes: []v1alpha1.InstanceMatch{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			verdict := judge(t, &scripted{}, review(), nil, guardrail("g", match(m)))
			if len(verdict.Denied) != 1 || !verdict.Denied[0].Failed {
				t.Fatalf("got %+v", verdict)
			}
		})
	}
}

func TestParamsThatAreNoJSONAreCompiledEachTime(t *testing.T) {
	driver := &scripted{}
	compiler := policies.NewCompiler(nil, driver)
	for range 2 {
		g := guardrail("g", func(spec *v1alpha1.GuardrailSpec) { spec.Params = &apiextensionsv1.JSON{Raw: []byte("{")} })
		compiler.Compile(context.Background(), []*v1alpha1.Guardrail{g}, nil)
	}
	if len(driver.compiled) != 2 {
		t.Fatalf("compiled %d times", len(driver.compiled))
	}
}

func TestChangingOneOfAThousandCompilesOne(t *testing.T) {
	guardrails := make([]*v1alpha1.Guardrail, 1000)
	for i := range guardrails {
		guardrails[i] = stored(fmt.Sprintf("g-%03d", i), types.UID(strconv.Itoa(i)), 1)
	}
	driver := &scripted{}
	compiler := policies.NewCompiler(nil, driver)
	compiler.Compile(t.Context(), guardrails, nil)
	driver.compiled = nil
	guardrails[500] = stored("g-500", "500", 2)
	compiler.Compile(t.Context(), guardrails, nil)
	if diff := cmp.Diff([]string{"g-500"}, driver.compiled); diff != "" {
		t.Errorf("compiled (-want +got):\n%s", diff)
	}
}

func TestTheSetIsTheLastOneWhereNothingChanged(t *testing.T) {
	type list = []*v1alpha1.Guardrail
	type waivers = []*v1alpha1.GuardrailException
	renewed := exception("e", "g")
	renewed.Spec.ExpiresAt = metav1.NewTime(noon().Add(time.Hour))
	a, b := stored("a", "1", 1), stored("b", "2", 1)
	tests := map[string]struct {
		first, second   list
		waived, waives2 waivers
		same            bool
	}{
		"nothing at all":             {same: true},
		"the same":                   {first: list{a, b}, second: list{b, a}, same: true},
		"with the same exceptions":   {first: list{a}, second: list{a}, waived: waivers{exception("e", "a")}, waives2: waivers{exception("e", "a")}, same: true},
		"one more":                   {first: list{a}, second: list{a, b}},
		"one less":                   {first: list{a, b}, second: list{a}},
		"another generation":         {first: list{a}, second: list{stored("a", "1", 2)}},
		"one twice, then another":    {first: list{a, a, b}, second: list{a, b, b}},
		"an exception more":          {first: list{a}, second: list{a}, waives2: waivers{exception("e", "a")}},
		"an exception less":          {first: list{a}, second: list{a}, waived: waivers{exception("e", "a")}},
		"an exception that is other": {first: list{a}, second: list{a}, waived: waivers{exception("e", "g")}, waives2: waivers{renewed}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			compiler := policies.NewCompiler(nil, &scripted{})
			first := compiler.Compile(t.Context(), test.first, test.waived)
			second := compiler.Compile(t.Context(), test.second, test.waives2)
			if (first == second) != test.same {
				t.Errorf("the same Set: got %v, want %v", first == second, test.same)
			}
		})
	}
}
