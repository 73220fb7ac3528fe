package controller

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

var (
	now     = time.Date(2030, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	seconds = metav1.NewTime(now.Truncate(time.Second))
	earlier = metav1.NewTime(now.Add(-time.Hour).Truncate(time.Second))
)

func ready(status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{
		Type: "Ready", Status: status, Reason: reason, Message: message, ObservedGeneration: 3, LastTransitionTime: seconds,
	}
}

func TestGuardrailStatus(t *testing.T) {
	compileError := policies.CompileErrors{
		{Field: "spec.cel.validations[0].expression", Line: 2, Column: 7, Message: "undeclared reference to 'x'"},
		{Field: "spec.match.offerings[0]", Message: "no glob"},
	}
	places := "spec.cel.validations[0].expression: line 2, column 7: undeclared reference to 'x'\nspec.match.offerings[0]: no glob"
	violations := int32(5)
	warnings := make([]v1alpha1.ExpressionWarning, 40)
	for i := range warnings {
		warnings[i] = v1alpha1.ExpressionWarning{FieldRef: fmt.Sprintf("f%d", i), Warning: "w"}
	}
	other := metav1.Condition{Type: "Audited", Status: metav1.ConditionTrue, Reason: "Done", LastTransitionTime: earlier}

	tests := []struct {
		name   string
		spec   v1alpha1.GuardrailSpec
		before v1alpha1.GuardrailStatus
		info   policies.CompiledInfo
		types  []v1alpha1.ExpressionWarning
		want   v1alpha1.GuardrailStatus
	}{
		{
			name: "a guardrail that compiles is in force",
			info: policies.CompiledInfo{Engine: "CEL"},
			want: v1alpha1.GuardrailStatus{
				ObservedGeneration: 3, Engine: "CEL",
				Conditions: []metav1.Condition{ready(metav1.ConditionTrue, "Compiled", "the guardrail is in force")},
			},
		},
		{
			name: "every place that is wrong is shown with line and column, and what follows from it",
			info: policies.CompiledInfo{Engine: "CEL", Err: compileError},
			want: v1alpha1.GuardrailStatus{
				ObservedGeneration: 3, Engine: "CEL",
				Conditions: []metav1.Condition{ready(metav1.ConditionFalse, "CompileError",
					"the guardrail does not compile, so every instance that it applies to is refused (failurePolicy: Fail): "+places)},
			},
		},
		{
			name: "one that only warns refuses nothing",
			spec: v1alpha1.GuardrailSpec{ValidationActions: []v1alpha1.ValidationAction{v1alpha1.ActionWarn}},
			info: policies.CompiledInfo{Err: errors.New("no engine")},
			want: v1alpha1.GuardrailStatus{
				ObservedGeneration: 3,
				Conditions: []metav1.Condition{ready(metav1.ConditionFalse, "CompileError",
					"the guardrail does not compile, so every instance that it applies to violates it (failurePolicy: Fail): no engine")},
			},
		},
		{
			name: "one whose failurePolicy is Ignore judges nothing",
			spec: v1alpha1.GuardrailSpec{FailurePolicy: v1alpha1.FailurePolicyIgnore},
			info: policies.CompiledInfo{Engine: "Rego", Err: errors.New("x")},
			want: v1alpha1.GuardrailStatus{
				ObservedGeneration: 3, Engine: "Rego",
				Conditions: []metav1.Condition{ready(metav1.ConditionFalse, "CompileError",
					"the guardrail does not compile, so it judges nothing (failurePolicy: Ignore): x")},
			},
		},
		{
			name: "what the audit wrote stays, warnings of the type checker are replaced and bounded",
			before: v1alpha1.GuardrailStatus{
				ObservedGeneration: 2, Engine: "Rego", Violations: &violations,
				TypeChecking: []v1alpha1.ExpressionWarning{{FieldRef: "old", Warning: "old"}},
				Conditions:   []metav1.Condition{other},
			},
			info: policies.CompiledInfo{Engine: "CEL", Warnings: warnings},
			want: v1alpha1.GuardrailStatus{
				ObservedGeneration: 3, Engine: "CEL", Violations: &violations, TypeChecking: warnings[:32],
				Conditions: []metav1.Condition{other, ready(metav1.ConditionTrue, "Compiled", "the guardrail is in force")},
			},
		},
		{
			name:  "what does not fit the instances comes first",
			info:  policies.CompiledInfo{Engine: "Rego", Warnings: warnings[1:2]},
			types: warnings[:1],
			want: v1alpha1.GuardrailStatus{
				ObservedGeneration: 3, Engine: "Rego", TypeChecking: warnings[:2],
				Conditions: []metav1.Condition{ready(metav1.ConditionTrue, "Compiled", "the guardrail is in force")},
			},
		},
		{
			name: "a long complaint is cut",
			info: policies.CompiledInfo{Err: errors.New(strings.Repeat("ä", 5000))},
			want: v1alpha1.GuardrailStatus{
				ObservedGeneration: 3,
				Conditions: []metav1.Condition{ready(metav1.ConditionFalse, "CompileError",
					"the guardrail does not compile, so every instance that it applies to is refused (failurePolicy: Fail): "+
						strings.Repeat("ä", 1995)+"...")},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			guardrail := &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: "g", Generation: 3}, Spec: test.spec, Status: test.before}
			got := guardrailStatus(guardrail, &test.info, test.types, now)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			guardrail.Status = got
			if diff := cmp.Diff(got, guardrailStatus(guardrail, &test.info, test.types, now.Add(time.Hour))); diff != "" {
				t.Errorf("an hour later there is something to write (-first +second):\n%s", diff)
			}
		})
	}
}

func TestExceptionStatus(t *testing.T) {
	valid := func(expiry time.Time) v1alpha1.GuardrailExceptionSpec {
		return v1alpha1.GuardrailExceptionSpec{
			Guardrails: []string{"g"}, ExpiresAt: metav1.NewTime(expiry), Reason: "a good reason", ApprovedBy: "jane",
			Match: v1alpha1.ExceptionMatch{InstanceMatch: v1alpha1.InstanceMatch{Namespaces: []string{"payments"}}},
		}
	}
	tests := []struct {
		name      string
		spec      v1alpha1.GuardrailExceptionSpec
		want      metav1.Condition
		wantHolds time.Duration
	}{
		{
			name:      "in force until it expires",
			spec:      valid(now.Add(90 * time.Minute)),
			want:      ready(metav1.ConditionTrue, "InForce", "the exception is in force until 2030-01-02T04:34:05Z"),
			wantHolds: 90 * time.Minute,
		},
		{
			name: "expired at the very instant",
			spec: valid(now),
			want: ready(metav1.ConditionFalse, "Expired", "the exception waives nothing since 2030-01-02T03:04:05Z"),
		},
		{
			name: "without an expiry it has expired long ago",
			spec: valid(time.Time{}),
			want: ready(metav1.ConditionFalse, "Expired", "the exception waives nothing since 0001-01-01T00:00:00Z"),
		},
		{
			name: "one that got in malformed says so, expired or not",
			spec: v1alpha1.GuardrailExceptionSpec{Guardrails: []string{"g"}},
			want: ready(metav1.ConditionFalse, "InvalidSelector", "the exception waives nothing: "+
				"spec.match: say for which instances: a waiver for all of them is a change of the guardrail"),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			exception := &v1alpha1.GuardrailException{ObjectMeta: metav1.ObjectMeta{Name: "e", Generation: 3}, Spec: test.spec}
			got, holds := exceptionStatus(exception, now)
			want := v1alpha1.GuardrailExceptionStatus{ObservedGeneration: 3, Conditions: []metav1.Condition{test.want}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if holds != test.wantHolds {
				t.Errorf("holds for %s, want %s", holds, test.wantHolds)
			}
		})
	}
}

func TestProjectStatus(t *testing.T) {
	newProject := func(name string, spec v1alpha1.ProjectSpec) *v1alpha1.Project {
		return &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 3}, Spec: spec}
	}
	named := func(names ...string) v1alpha1.ProjectSpec {
		return v1alpha1.ProjectSpec{Namespaces: v1alpha1.ProjectNamespaces{Names: names}}
	}
	many := make([]string, 120)
	for i := range many {
		many[i] = fmt.Sprintf("ns-%03d", i)
	}
	gold, err := labels.Parse("tier=gold")
	if err != nil {
		t.Fatal(err)
	}
	offerings := []*offering.Offering{
		{Name: "webapp", Catalog: true},
		{Name: "database", Catalog: true, Category: "databases"},
		{Name: "golden", Catalog: true, NamespaceSelector: gold},
		{Name: "hidden"},
	}
	tests := []struct {
		name       string
		projects   []*v1alpha1.Project
		namespaces map[string]map[string]string
		problems   field.ErrorList
		want       v1alpha1.ProjectStatus
	}{
		{
			name:       "a project with namespaces, of which one satisfies an offering's selector",
			projects:   []*v1alpha1.Project{newProject("p", named("a", "b"))},
			namespaces: map[string]map[string]string{"a": nil, "b": {"tier": "gold"}, "c": nil},
			want: v1alpha1.ProjectStatus{
				ObservedGeneration: 3, Namespaces: []string{"a", "b"}, NamespaceCount: 2, OfferingCount: 3,
				Conditions: []metav1.Condition{ready(metav1.ConditionTrue, "Resolved", "namespaces: 2")},
			},
		},
		{
			name: "offerings that it denies don't count",
			projects: []*v1alpha1.Project{newProject("p", v1alpha1.ProjectSpec{
				Offerings: v1alpha1.ProjectOfferings{Deny: []v1alpha1.OfferingRule{{Categories: []string{"databases"}}}},
			})},
			want: v1alpha1.ProjectStatus{
				ObservedGeneration: 3, OfferingCount: 1,
				Conditions: []metav1.Condition{ready(metav1.ConditionTrue, "Resolved", "namespaces: 0")},
			},
		},
		{
			name:       "a conflict names the other project and the namespaces",
			projects:   []*v1alpha1.Project{newProject("p", named("a", "b")), newProject("q", named("b"))},
			namespaces: map[string]map[string]string{"a": nil, "b": nil},
			want: v1alpha1.ProjectStatus{
				ObservedGeneration: 3, Namespaces: []string{"a"}, NamespaceCount: 1, OfferingCount: 2,
				Conditions: []metav1.Condition{ready(metav1.ConditionFalse, "NamespaceConflict",
					"namespace b is claimed by projects p, q. Instances there are refused until one project alone claims it; "+
						"the namespace label kroguard.io/project decides.")},
			},
		},
		{
			name:     "what is malformed comes before conflicts",
			projects: []*v1alpha1.Project{newProject("p", named("b")), newProject("q", named("b"))},
			problems: field.ErrorList{field.Invalid(field.NewPath("spec", "namespaces", "selector"), "x", "no selector")},
			want: v1alpha1.ProjectStatus{
				ObservedGeneration: 3, OfferingCount: 2,
				Conditions: []metav1.Condition{ready(metav1.ConditionFalse, "InvalidSelector",
					`spec.namespaces.selector: Invalid value: "x": no selector`)},
			},
		},
		{
			name:     "the first hundred namespaces are listed, all are counted",
			projects: []*v1alpha1.Project{newProject("p", named("ns-*"))},
			namespaces: func() map[string]map[string]string {
				all := map[string]map[string]string{}
				for _, name := range many {
					all[name] = nil
				}
				return all
			}(),
			want: v1alpha1.ProjectStatus{
				ObservedGeneration: 3, Namespaces: many[:100], NamespaceCount: 120, OfferingCount: 2,
				Conditions: []metav1.Condition{ready(metav1.ConditionTrue, "Resolved", "namespaces: 120")},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := &configuration{projects: test.projects}
			for name, set := range test.namespaces {
				config.namespaces = append(config.namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: set}})
			}
			projects := new(claimCache).update(test.projects)
			snapshot := assemble(config, parts{catalog: offering.NewCatalog(offerings), projects: projects}, review.Settings{}).snapshot
			got := projectStatus(test.projects[0], test.problems, snapshot, now)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConflictMessageIsBounded(t *testing.T) {
	conflicts := make([]project.Conflict, 12)
	for i := range conflicts {
		conflicts[i] = project.Conflict{Namespace: fmt.Sprintf("ns-%02d", i), Projects: []string{"p", "q"}}
	}
	named := make([]string, 0, 10)
	for _, conflict := range conflicts[:10] {
		named = append(named, "namespace "+conflict.Namespace+" is claimed by projects p, q")
	}
	want := strings.Join(named, "; ") + "; and 2 more. Instances there are refused until one project alone claims it; " +
		"the namespace label kroguard.io/project decides."
	if diff := cmp.Diff(want, conflictMessage(conflicts)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestTransitionTimeMovesWithTheStatusAlone(t *testing.T) {
	conditions := []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Compiled", LastTransitionTime: earlier}}
	before := slices.Clone(conditions)
	setReady(&conditions, 3, now, metav1.Condition{Status: metav1.ConditionTrue, Reason: "Compiled", Message: "new"})
	if got := conditions[0].LastTransitionTime; !got.Equal(&before[0].LastTransitionTime) {
		t.Errorf("True stayed True, and the time moved to %s", got)
	}
	setReady(&conditions, 3, now, metav1.Condition{Status: metav1.ConditionFalse, Reason: "CompileError"})
	if got := conditions[0].LastTransitionTime; !got.Equal(&seconds) {
		t.Errorf("True became False at %s, want %s", got, seconds)
	}
}
