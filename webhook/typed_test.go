package webhook

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// rules is a RuleEnsurer that records what it is asked.
type rules struct {
	err      error
	resource runtimeschema.GroupResource
	dryRun   bool
}

func (r *rules) EnsureRule(_ context.Context, resource runtimeschema.GroupResource, dryRun bool) error {
	r.resource, r.dryRun = resource, dryRun
	return r.err
}

func TestACRDWaitsForItsRule(t *testing.T) {
	crd := &apiextensionsv1.CustomResourceDefinition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{
		Group: "example.com", Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "apps"},
	}}
	t.Run("let in once the rule is in force", func(t *testing.T) {
		asked := &rules{}
		refusals, _ := checkCustomResourceDefinition(asked)(t.Context(), nil, crd)
		if len(refusals) > 0 {
			t.Errorf("refused: %v", refusals)
		}
		if want := (runtimeschema.GroupResource{Group: "example.com", Resource: "apps"}); asked.resource != want || asked.dryRun {
			t.Errorf("asked for %v, dry-run %v", asked.resource, asked.dryRun)
		}
	})
	t.Run("refused with the reason otherwise", func(t *testing.T) {
		refusals, _ := checkCustomResourceDefinition(&rules{err: errors.New("not written yet")})(t.Context(), nil, crd)
		if len(refusals) != 1 || !strings.Contains(refusals[0].message, "not written yet") {
			t.Errorf("got %v", refusals)
		}
	})
	t.Run("a dry-run has no effect", func(t *testing.T) {
		asked := &rules{}
		request := admission.Request{}
		request.DryRun = ptr.To(true)
		checkCustomResourceDefinition(asked)(admission.NewContextWithRequest(t.Context(), request), nil, crd)
		if !asked.dryRun {
			t.Error("the rule was to be written")
		}
	})
}

func TestExceptionsThatCouldNeverBeHonoredAreRefused(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	check := checkGuardrailException(newStore(t), func() time.Time { return now })
	valid := func() *v1alpha1.GuardrailException {
		exception := &v1alpha1.GuardrailException{}
		exception.Name = "x"
		exception.Spec.Guardrails = []string{"replica-limit"}
		exception.Spec.Match.Names = []string{"shop"}
		exception.Spec.ExpiresAt = metav1.NewTime(now.Add(time.Hour))
		return exception
	}
	tests := map[string]struct {
		change   func(*v1alpha1.GuardrailException)
		refused  []string
		warnings []string
	}{
		"in order":      {change: func(*v1alpha1.GuardrailException) {}},
		"already over":  {func(e *v1alpha1.GuardrailException) { e.Spec.ExpiresAt = metav1.NewTime(now) }, []string{"spec.expiresAt"}, nil},
		"all instances": {func(e *v1alpha1.GuardrailException) { e.Spec.Match.Names = nil }, []string{"spec.match"}, nil},
		"no such guardrail": {
			func(e *v1alpha1.GuardrailException) { e.Spec.Guardrails = []string{"replica-*", "other"} }, nil,
			[]string{`spec.guardrails: no Guardrail is called "other" at present`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			exception := valid()
			test.change(exception)
			refusals, warnings := check(t.Context(), nil, exception)
			var fields []string
			for _, refusal := range refusals {
				fields = append(fields, refusal.field)
			}
			if diff := cmp.Diff(test.refused, fields); diff != "" {
				t.Errorf("refused fields (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.warnings, warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			if again, _ := check(t.Context(), exception, exception); len(again) > 0 {
				t.Errorf("an update that changes nothing is refused: %v", again)
			}
		})
	}
}

func TestRefusalsAre403NeverInvalid(t *testing.T) {
	v := &validator[*v1alpha1.Project]{check: func(context.Context, *v1alpha1.Project, *v1alpha1.Project) ([]finding, []string) {
		return []finding{{"spec.a", "a is wrong"}, {"spec.b", "b is wrong"}}, []string{"careful"}
	}}
	warnings, err := v.ValidateCreate(t.Context(), &v1alpha1.Project{})
	if diff := cmp.Diff(admission.Warnings{"careful"}, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	var status interface{ Status() metav1.Status }
	if !errors.As(err, &status) || status.Status().Code != 403 || status.Status().Message != "a is wrong; b is wrong" {
		t.Errorf("got %v", err)
	}
	deleting := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: time.Now()}}}
	if _, err := v.ValidateUpdate(t.Context(), &v1alpha1.Project{}, deleting); err != nil {
		t.Errorf("an object that is being deleted is refused: %v", err)
	}
}
