package cel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kroguard/kroguard/internal/celcorpus"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// TestDrawnVerdictsEqualThoseOfTheAPIServer is about what nobody would write: expressions, and objects, that are put together by
// chance. What fails is compared, not why: the two have not the same version of cel-go.
func TestDrawnVerdictsEqualThoseOfTheAPIServer(t *testing.T) {
	const many = 120
	j := newJudge(t)
	sources := make([]celcorpus.Source, many)
	drawn := make([]policy, many)
	for i := range drawn {
		sources[i] = celcorpus.Random(uint64(i))
		drawn[i] = draw(j, fmt.Sprintf("drawn-%d", i), sources[i])
	}
	enforce(t, "drawn-sentinel", drawn)
	count := map[string]int{}
	for i, p := range drawn {
		set, _ := j.compile(p)
		for n := range 4 {
			object := celcorpus.Object(sources[i])
			object["metadata"] = map[string]any{"name": fmt.Sprintf("drawn-%d", n)}
			warnings.take()
			var old map[string]any
			if n%2 == 0 {
				object = createDry(t, p.name, object)
			} else {
				object, old = update(t, p.name, object)
			}
			there, here := kubernetesOutcome(p, warnings.take()), j.outcome(t, set, p, object, old)
			count["denied"] += len(there.Denied)
			count["failed"] += len(there.Failed)
			count["judged"] += len(p.Validations)
			there.Failed, here.Failed = withoutCauses(there.Failed), withoutCauses(here.Failed)
			if diff := cmp.Diff(there, here, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s on %.2000s (-API server +kroguard):\n%s", p.name, fmt.Sprint(object), diff)
			}
		}
	}
	t.Logf("%d policies: %v", many, count)
	if count["denied"] < many || count["failed"] < many {
		t.Errorf("the corpus decides too little: %v", count)
	}
}

// draw makes a policy of expressions that compile.
func draw(j *judge, name string, s celcorpus.Source) policy {
	p := policy{name: name}
	for _, v := range celcorpus.Variables() {
		p.Variables = append(p.Variables, v1alpha1.CELVariable{Name: v[0], Expression: v[1]})
	}
	for tries := 0; len(p.Validations) < 4 && tries < 100; tries++ {
		// Without a message of its own, an expression is the message: the API server has no room for long ones.
		v := v1alpha1.CELValidation{Expression: celcorpus.Validation(s), Message: fmt.Sprintf("check %d", len(p.Validations))}
		if s.N(2) == 0 {
			v.MessageExpression = celcorpus.Message(s)
		}
		if _, ok := j.compile(policy{CELPolicy: v1alpha1.CELPolicy{
			Variables: p.Variables, Validations: []v1alpha1.CELValidation{v},
		}}); ok && len(v.Expression) < 400 && len(v.MessageExpression) < 400 {
			p.Validations = append(p.Validations, v)
		}
	}
	return p
}

// withoutCauses are the expressions that failed.
func withoutCauses(failed []string) []string {
	expressions := make([]string, len(failed))
	for i, text := range failed {
		expressions[i], _, _ = strings.Cut(text, " -> ")
	}
	return expressions
}
