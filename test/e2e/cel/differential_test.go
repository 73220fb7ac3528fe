package cel

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// together is how many expressions make one policy. An answer of the API server has room for some 4,000 characters of
// warnings; beyond, it cuts each short.
const together = 6

// corpus sorts the expressions into policies. Those that do not compile have one each.
func corpus(j *judge) (sound, broken []policy) {
	group := policy{}
	add := func() {
		if len(group.Validations) > 0 {
			group.name = fmt.Sprintf("expressions-%d", len(sound))
			sound, group = append(sound, group), policy{}
		}
	}
	for i, expression := range append(written(), generated()...) {
		one := policy{name: fmt.Sprintf("broken-%d", i), CELPolicy: v1alpha1.CELPolicy{Validations: validationsOf(expression)}}
		if _, ok := j.compile(one); !ok {
			broken = append(broken, one)
			continue
		}
		group.Validations = append(group.Validations, one.Validations...)
		if len(group.Validations) == together {
			add()
		}
	}
	add()
	return append(sound, composed()...), broken
}

// TestWhatDoesNotCompileHereIsRefusedThere also has to find something: an expression that is refused nowhere is no test.
func TestWhatDoesNotCompileHereIsRefusedThere(t *testing.T) {
	_, broken := corpus(newJudge(t))
	if len(broken) < 20 {
		t.Fatalf("only %d expressions do not compile", len(broken))
	}
	for _, p := range broken {
		if install(t, p) {
			t.Errorf("the API server takes %s", p.Validations[0].Expression)
		}
	}
	t.Logf("%d expressions are refused by both", len(broken))
}

func TestVerdictsEqualThoseOfTheAPIServer(t *testing.T) {
	j := newJudge(t)
	sound, _ := corpus(j)
	enforce(t, "sentinel", sound)
	count := map[string]int{}
	for _, p := range sound {
		set, ok := j.compile(p)
		if !ok {
			t.Fatalf("%s does not compile: %v", p.name, set.Guardrails()[0].Err)
		}
		for _, name := range slices.Sorted(maps.Keys(objects())) {
			warnings.take()
			object, old := apply(t, p.name, name)
			there := kubernetesOutcome(p, warnings.take())
			here := j.outcome(t, set, p, object, old)
			count["denied"] += len(there.Denied)
			count["failed"] += len(there.Failed)
			count["judged"] += len(p.Validations)
			if diff := cmp.Diff(there, here, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s on %s (-API server +kroguard):\n%s", p.name, name, diff)
			}
		}
	}
	t.Logf("%d policies, %d objects: %v", len(sound), len(objects()), count)
	if count["denied"] < 1000 || count["failed"] < 1000 {
		t.Errorf("the corpus decides too little: %v", count)
	}
}

// enforce makes policies and returns when they are in force. The API server learns of them in the order in which they were made,
// so the last tells.
func enforce(t *testing.T, last string, sound []policy) {
	t.Helper()
	sentinel := policy{name: last, CELPolicy: v1alpha1.CELPolicy{Validations: validationsOf("object.spec.size == 'absent'")}}
	for _, p := range append(slices.Clone(sound), sentinel) {
		if !install(t, p) {
			t.Fatalf("the API server refuses %s, which compiles here", p.name)
		}
	}
	for _, p := range append(slices.Clone(sound), sentinel) {
		bind(t, p.name)
	}
	harness.Eventually(t, eventually, func(context.Context) error {
		apply(t, sentinel.name, "sparse")
		if got := warnings.take(); len(got) == 0 {
			return fmt.Errorf("the last policy is not in force")
		}
		return nil
	})
}

// apply sends an object as a dry run, and yields what the API server made of it, and what it was before.
func apply(t *testing.T, policyName, name string) (object, old map[string]any) {
	t.Helper()
	sent := map[string]any{}
	if err := yaml.Unmarshal([]byte(objects()[name]), &sent); err != nil {
		t.Fatal(err)
	}
	if _, ok := sent["spec"]; !ok {
		sent["spec"] = map[string]any{}
	}
	unstructured.RemoveNestedField(sent, "metadata")
	if strings.HasPrefix(name, "stored") {
		return update(t, policyName, sent)
	}
	sent["metadata"] = map[string]any{"name": name}
	return createDry(t, policyName, sent), nil
}

// createDry creates an object.
func createDry(t *testing.T, policyName string, object map[string]any) map[string]any {
	t.Helper()
	sent := &unstructured.Unstructured{Object: object}
	sent.SetAPIVersion("example.com/v1")
	sent.SetKind("Sample")
	sent.SetNamespace("payments")
	sent.SetLabels(map[string]string{caseLabel: policyName, "team": "payments"})
	if err := ada.Create(t.Context(), sent, client.DryRunAll); err != nil {
		t.Fatalf("%s: %v", sent.GetName(), err)
	}
	return sent.Object
}

// update gives the stored object the spec of another.
func update(t *testing.T, policyName string, object map[string]any) (updated, old map[string]any) {
	t.Helper()
	current := &unstructured.Unstructured{}
	current.SetAPIVersion("example.com/v1")
	current.SetKind("Sample")
	if err := ada.Get(t.Context(), client.ObjectKey{Namespace: "payments", Name: "stored"}, current); err != nil {
		t.Fatal(err)
	}
	old = current.DeepCopy().Object
	current.Object["spec"] = object["spec"]
	current.SetLabels(map[string]string{caseLabel: policyName, "team": "payments"})
	if err := ada.Update(t.Context(), current, client.DryRunAll); err != nil {
		t.Fatalf("stored: %v", err)
	}
	return current.Object, old
}
