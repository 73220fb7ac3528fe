package policies_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

func labelSelector(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func names(list ...string) []string { return list }

func clusterScoped(in *policies.InputOptions) { in.Namespace, in.Request.Namespace = nil, "" }

func updateFrom(labels map[string]any) func(*policies.InputOptions) {
	return func(in *policies.InputOptions) {
		in.Request.Operation = admissionv1.Update
		in.OldObject = map[string]any{"metadata": map[string]any{"labels": labels}}
	}
}

func TestGuardrailsMatch(t *testing.T) {
	type m = v1alpha1.GuardrailMatch
	type instance = v1alpha1.InstanceMatch
	operation := func(o admissionv1.Operation) func(*policies.InputOptions) {
		return func(in *policies.InputOptions) { in.Request.Operation = o }
	}
	unnamed := func(in *policies.InputOptions) {
		in.Request.Name = ""
		delete(in.Object["metadata"].(map[string]any), "name")
	}
	unknownOffering := func(in *policies.InputOptions) { in.OfferingName = "" }
	noProject := func(in *policies.InputOptions) { in.ProjectName = "" }
	tests := map[string]struct {
		match  m
		change func(*policies.InputOptions)
		want   bool
	}{
		"empty matches all":                    {want: true},
		"empty matches a cluster-scoped one":   {change: clusterScoped, want: true},
		"offering by name":                     {match: m{InstanceMatch: instance{Offerings: names("db", "webapp")}}, want: true},
		"offering by glob":                     {match: m{InstanceMatch: instance{Offerings: names("web*")}}, want: true},
		"another offering":                     {match: m{InstanceMatch: instance{Offerings: names("web", "webapp2")}}},
		"an unknown offering matches no list":  {match: m{InstanceMatch: instance{Offerings: names("*")}}, change: unknownOffering},
		"project by glob":                      {match: m{InstanceMatch: instance{Projects: names("pay*")}}, want: true},
		"another project":                      {match: m{InstanceMatch: instance{Projects: names("search")}}},
		"no project matches no list":           {match: m{InstanceMatch: instance{Projects: names("*")}}, change: noProject},
		"no project matches an empty list":     {change: noProject, want: true},
		"namespace by glob":                    {match: m{InstanceMatch: instance{Namespaces: names("*-prod")}}, want: true},
		"another namespace":                    {match: m{InstanceMatch: instance{Namespaces: names("*-test")}}},
		"cluster-scoped matches no list":       {match: m{InstanceMatch: instance{Namespaces: names("*")}}, change: clusterScoped},
		"name by glob":                         {match: m{InstanceMatch: instance{Names: names("sh?p")}}, want: true},
		"another name":                         {match: m{InstanceMatch: instance{Names: names("cart")}}},
		"no name yet matches any":              {match: m{InstanceMatch: instance{Names: names("*")}}, change: unnamed, want: true},
		"no name yet matches no name":          {match: m{InstanceMatch: instance{Names: names("shop")}}, change: unnamed},
		"all that is given must hold":          {match: m{InstanceMatch: instance{Offerings: names("webapp"), Projects: names("search")}}},
		"all that is given holds":              {match: m{InstanceMatch: instance{Offerings: names("webapp"), Projects: names("payments")}}, want: true},
		"namespaceSelector":                    {match: m{NamespaceSelector: labelSelector("env", "prod")}, want: true},
		"namespaceSelector of others":          {match: m{NamespaceSelector: labelSelector("env", "test")}},
		"namespaceSelector and cluster-scoped": {match: m{NamespaceSelector: labelSelector("env", "prod")}, change: clusterScoped},
		"a negative namespaceSelector and cluster-scoped": {
			match: m{NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "env", Operator: metav1.LabelSelectorOpDoesNotExist},
			}}},
			change: clusterScoped,
		},
		"an empty namespaceSelector and cluster-scoped": {
			match: m{NamespaceSelector: &metav1.LabelSelector{}}, change: clusterScoped, want: true,
		},
		"objectSelector":                          {match: m{ObjectSelector: labelSelector("tier", "web")}, want: true},
		"objectSelector of others":                {match: m{ObjectSelector: labelSelector("tier", "db")}},
		"objectSelector holds for the old object": {match: m{ObjectSelector: labelSelector("tier", "db")}, change: updateFrom(map[string]any{"tier": "db"}), want: true},
		"objectSelector of neither":               {match: m{ObjectSelector: labelSelector("tier", "db")}, change: updateFrom(nil)},
		"objectSelector for what lacks a label, on CREATE": {match: m{ObjectSelector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpDoesNotExist}},
		}}},
		"objectSelector and a label of no string":    {match: m{ObjectSelector: labelSelector("tier", "1")}, change: updateFrom(map[string]any{"tier": int64(1)})},
		"CREATE where CREATE is asked for":           {match: m{Operations: []v1alpha1.Operation{"CREATE"}}, want: true},
		"UPDATE where CREATE is asked for":           {match: m{Operations: []v1alpha1.Operation{"CREATE"}}, change: operation("UPDATE")},
		"UPDATE where all are asked for":             {match: m{Operations: []v1alpha1.Operation{"*"}}, change: operation("UPDATE"), want: true},
		"UPDATE where both are asked for":            {match: m{Operations: []v1alpha1.Operation{"CREATE", "UPDATE"}}, change: operation("UPDATE"), want: true},
		"DELETE where all are asked for":             {match: m{Operations: []v1alpha1.Operation{"*"}}, change: operation("DELETE")},
		"CONNECT":                                    {change: operation("CONNECT")},
		"an operation that is none counts as CREATE": {change: operation(""), want: true},
		"excluded":                      {match: m{Excludes: []instance{{Names: names("x")}, {Offerings: names("webapp"), Namespaces: names("payments-*")}}}},
		"an exclude that holds in part": {match: m{Excludes: []instance{{Names: names("shop"), Projects: names("search")}}}, want: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := review()
			if test.change != nil {
				test.change(&options)
			}
			verdict := judge(t, &scripted{}, options, nil, guardrail("g", match(test.match)))
			if got := !verdict.Allowed(); got != test.want {
				t.Fatalf("matched: got %v, want %v", got, test.want)
			}
		})
	}
}

func TestExceptionsMatch(t *testing.T) {
	type m = v1alpha1.ExceptionMatch
	type instance = v1alpha1.InstanceMatch
	tests := map[string]struct {
		match      m
		guardrails []string
		change     func(*policies.InputOptions)
		want       bool
	}{
		"by name":                   {match: m{InstanceMatch: instance{Names: names("shop")}}, want: true},
		"by another name":           {match: m{InstanceMatch: instance{Names: names("cart")}}},
		"by project and offering":   {match: m{InstanceMatch: instance{Projects: names("payments"), Offerings: names("webapp")}}, want: true},
		"by namespace, not by name": {match: m{InstanceMatch: instance{Namespaces: names("payments-*"), Names: names("cart")}}},
		"by namespaceSelector":      {match: m{NamespaceSelector: labelSelector("env", "prod")}, want: true},
		"by the namespaceSelector of others": {
			match: m{NamespaceSelector: labelSelector("env", "test")},
		},
		"by namespaceSelector, cluster-scoped": {match: m{NamespaceSelector: labelSelector("env", "prod")}, change: clusterScoped},
		"by objectSelector":                    {match: m{ObjectSelector: labelSelector("tier", "web")}, want: true},
		"labels of the old object don't waive": {
			match: m{ObjectSelector: labelSelector("tier", "db")}, change: updateFrom(map[string]any{"tier": "db"}),
		},
		"by a glob of guardrails":   {match: m{InstanceMatch: instance{Names: names("shop")}}, guardrails: names("x", "g*"), want: true},
		"of another guardrail":      {match: m{InstanceMatch: instance{Names: names("shop")}}, guardrails: names("x")},
		"for everything is refused": {},
		"with a broken selector waives nothing": {
			match: m{InstanceMatch: instance{Names: names("shop")}, ObjectSelector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Equals"}},
			}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := review()
			if test.change != nil {
				test.change(&options)
			}
			waiver := exception("e", "g")
			waiver.Spec.Match = test.match
			if test.guardrails != nil {
				waiver.Spec.Guardrails = test.guardrails
			}
			verdict := judge(t, &scripted{}, options, []*v1alpha1.GuardrailException{nil, waiver}, guardrail("g"))
			if got := len(verdict.Waived) == 1; got != test.want || verdict.Allowed() != test.want {
				t.Fatalf("waived: got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCheckExceptionNamesEveryPlace(t *testing.T) {
	waiver := exception("e")
	waiver.Spec.Match = v1alpha1.ExceptionMatch{}
	want := policies.CompileErrors{
		{Field: "spec.guardrails", Message: "name the guardrails that are waived"},
		{Field: "spec.match", Message: "say for which instances: a waiver for all of them is a change of the guardrail"},
	}
	if diff := cmp.Diff(error(want), policies.CheckException(waiver)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if err := policies.CheckException(exception("e", "g")); err != nil {
		t.Errorf("got %v for one in order", err)
	}
}

// What does not match costs nothing: guardrails for others leave only the verdict behind.
func TestGuardrailsThatDoNotMatchAllocateNothing(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage counts")
	}
	type m = v1alpha1.GuardrailMatch
	type instance = v1alpha1.InstanceMatch
	others := []m{
		{InstanceMatch: instance{Offerings: names("db-*", "*-cache", "queue")}},
		{InstanceMatch: instance{Projects: names("search", "ads-?")}},
		{InstanceMatch: instance{Namespaces: names("*-test")}},
		{NamespaceSelector: labelSelector("env", "test")},
		{ObjectSelector: labelSelector("tier", "db")},
		{Operations: []v1alpha1.Operation{"UPDATE"}},
		{Excludes: []instance{{Offerings: names("web*")}}},
	}
	allocs := func(guardrails int) float64 {
		list := make([]*v1alpha1.Guardrail, guardrails)
		for i := range list {
			list[i] = guardrail("g", match(others[i%len(others)]))
		}
		set := policies.NewCompiler(nil, &scripted{}).Compile(context.Background(), list, nil)
		in, ctx, now := policies.NewInput(review()), context.Background(), noon()
		return testing.AllocsPerRun(100, func() {
			if !set.Evaluate(ctx, in, now).Allowed() {
				t.Fatal("a guardrail matched")
			}
		})
	}
	none := allocs(0)
	for _, number := range []int{50, 1000} {
		if got := allocs(number); got != none {
			t.Errorf("%d guardrails that do not match: %v allocations, without any: %v", number, got, none)
		}
	}
}
