package review_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// manyGuardrails are for one offering each, in CEL; the first is for the one that is reviewed, and refuses it.
func manyGuardrails(number int) []*v1alpha1.Guardrail {
	list := make([]*v1alpha1.Guardrail, number)
	for n := range list {
		list[n] = new(v1alpha1.Guardrail)
		list[n].Name, list[n].UID, list[n].Generation = fmt.Sprintf("g-%04d", n), types.UID(strconv.Itoa(n)), 1
		list[n].Spec.Match.Offerings = []string{fmt.Sprintf("offering-%d", n)}
		list[n].Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: fmt.Sprintf("object.spec.n != %d", n)}}}
	}
	list[0].Spec.Match.Offerings = []string{"allowed"}
	list[0].Spec.CEL.Validations[0].Expression = "false"
	return list
}

// changed is a guardrail with its next generation, which says otherwise.
func changed(g *v1alpha1.Guardrail) *v1alpha1.Guardrail {
	next := g.DeepCopy()
	next.Generation++
	next.Spec.CEL.Validations[0].Expression = strconv.FormatBool(next.Generation%2 == 0)
	return next
}

func celCompiler(tb testing.TB) *policies.Compiler {
	tb.Helper()
	driver, err := cel.New()
	if err != nil {
		tb.Fatal(err)
	}
	return policies.NewCompiler(driver, driver)
}

// Each review is by one snapshot from beginning to end, and the next one sees what was published.
func TestReviewsWhileSnapshotsAreSwapped(t *testing.T) {
	compiler, guardrails, store := celCompiler(t), manyGuardrails(20), review.NewStore()
	base := snapshot(t, false)
	publish := func() {
		next := *base
		next.Guardrails = compiler.Compile(t.Context(), guardrails, nil)
		store.Publish(&next)
	}
	publish()
	request := create(t, base, "jane", "Allowed", "free")
	var reviewers sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		reviewers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				decision := store.Load().Validate(t.Context(), request, nil, time.Now())
				for _, violation := range decision.Verdict.Denied {
					if violation.Guardrail != "g-0000" || violation.Failed {
						t.Errorf("got %+v", violation)
					}
				}
			}
		})
	}
	for range 100 {
		guardrails[0] = changed(guardrails[0])
		publish()
		decision := store.Load().Validate(t.Context(), request, nil, time.Now())
		if got, want := decision.Verdict.Allowed(), guardrails[0].Generation%2 == 0; got != want {
			t.Fatalf("generation %d: allowed %v, want %v", guardrails[0].Generation, got, want)
		}
	}
	close(done)
	reviewers.Wait()
}

// BenchmarkSwap is what it takes to put a change of one of 1,000 guardrails into force: its compilation and the new snapshot,
// without and with the first review, which has everything to find anew.
func BenchmarkSwap(b *testing.B) {
	for _, first := range []bool{false, true} {
		name := "compile and publish"
		if first {
			name = "and review"
		}
		b.Run(name, func(b *testing.B) {
			compiler, guardrails, store := celCompiler(b), manyGuardrails(1000), review.NewStore()
			compiler.Compile(b.Context(), guardrails, nil)
			base := snapshot(b, false)
			request := create(b, base, "jane", "Allowed", "free")
			b.ReportAllocs()
			for b.Loop() {
				guardrails[500] = changed(guardrails[500])
				next := *base
				next.Guardrails = compiler.Compile(b.Context(), guardrails, nil)
				store.Publish(&next)
				if first {
					store.Load().Validate(b.Context(), request, nil, time.Now())
				}
			}
		})
	}
	b.Run("review without a swap", func(b *testing.B) {
		base := snapshot(b, false)
		base.Guardrails = celCompiler(b).Compile(b.Context(), manyGuardrails(1000), nil)
		request := create(b, base, "jane", "Allowed", "free")
		b.ReportAllocs()
		for b.Loop() {
			base.Validate(b.Context(), request, nil, time.Now())
		}
	})
}
