package engines

import (
	"context"
	"errors"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/bench/sets"
)

// What the object belongs to. Guardrails that are to match name both, those that are not name others.
const (
	offeringName = "webapp"
	projectName  = "payments"
)

// Guardrails are the entries as Guardrails. Where distinct, each has Rego of its own, as kroguard would otherwise be free to
// notice that many are the same.
func Guardrails(entries []sets.Entry, language Language, distinct bool) []*v1alpha1.Guardrail {
	guardrails := make([]*v1alpha1.Guardrail, len(entries))
	for i := range entries {
		guardrails[i] = guardrailOf(&entries[i], language)
		if distinct && language == Rego {
			guardrails[i].Spec.Rego.Modules[0].Source = entries[i].RegoIn(distinctName(&entries[i], i))
		}
	}
	return guardrails
}

func guardrailOf(entry *sets.Entry, language Language) *v1alpha1.Guardrail {
	guardrail := &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: entry.Name}}
	guardrail.Spec.Match.Offerings = []string{offeringName}
	guardrail.Spec.Params = &apiextensionsv1.JSON{Raw: entry.Params}
	if language == CEL {
		guardrail.Spec.CEL = entry.CEL.DeepCopy()
	} else {
		guardrail.Spec.Rego = &v1alpha1.RegoPolicy{
			Version: v1alpha1.RegoV1,
			Modules: []v1alpha1.RegoModule{{Name: entry.Policy.Name + ".rego", Source: entry.Rego}},
		}
	}
	return guardrail
}

// distinctName is the name of a package or template that no other entry has.
func distinctName(entry *sets.Entry, i int) string { return fmt.Sprintf("%s%d", entry.Package, i) }

// NewCompiler is kroguard's compiler with both languages, as kroguard serve has it.
func NewCompiler() (*policies.Compiler, error) {
	driver, err := cel.New()
	if err != nil {
		return nil, err
	}
	return policies.NewCompiler(driver, driver, rego.New(rego.Options{})), nil
}

// NewKroguard is kroguard's engine: decoding of the object as the webhook does it, conversion, and all guardrails.
func NewKroguard(set *sets.Set, guardrails []*v1alpha1.Guardrail) (*Engine, error) {
	compiler, err := NewCompiler()
	if err != nil {
		return nil, err
	}
	compiled := compiler.Compile(context.Background(), guardrails, nil)
	for _, info := range compiled.Guardrails() {
		if info.Err != nil {
			return nil, fmt.Errorf("guardrail %s: %w", info.Name, info.Err)
		}
	}
	request, namespace := set.Request(), set.Namespace()
	offering := map[string]any{"name": offeringName, "category": "web"}
	project := map[string]any{"name": projectName, "parameters": map[string]any{"maxReplicas": int64(10)}}
	judge := func(ctx context.Context) (*policies.Verdict, error) {
		decoded, err := review.NewRequest(request)
		if err != nil {
			return nil, err
		}
		return compiled.Evaluate(ctx, policies.NewInput(policies.InputOptions{
			Request: decoded.Admission, Object: decoded.Object, Namespace: namespace,
			OfferingName: offeringName, Offering: offering, ProjectName: projectName, Project: project,
		}), time.Now()), nil
	}
	return &Engine{
		Name: NameKroguard,
		N:    len(guardrails),
		Review: func(ctx context.Context) (int, error) {
			verdict, err := judge(ctx)
			if err != nil {
				return 0, err
			}
			return len(verdict.Denied), nil
		},
		Count: func(ctx context.Context) (map[string]int, error) {
			verdict, err := judge(ctx)
			if err != nil {
				return nil, err
			}
			return countDenied(verdict)
		},
	}, nil
}

func countDenied(verdict *policies.Verdict) (map[string]int, error) {
	counts := map[string]int{}
	for i := range verdict.Denied {
		if verdict.Denied[i].Failed {
			return nil, errors.New(verdict.Denied[i].String())
		}
		counts[verdict.Denied[i].Guardrail]++
	}
	return counts, nil
}
