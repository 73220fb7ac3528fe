package policies

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// corpus makes match rules and reviews of a small vocabulary, so that they often meet. It is the same in every run.
type corpus struct{ *rand.Rand }

func newCorpus() corpus { return corpus{rand.New(rand.NewPCG(1, 2))} }

func pick[T any](c corpus, from ...T) T { return from[c.IntN(len(from))] }

// some yields up to two of the words, often none.
func (c corpus) some(words ...string) []string {
	var picked []string
	for range max(0, c.IntN(5)-2) {
		picked = append(picked, pick(c, words...))
	}
	return picked
}

func (c corpus) instanceMatch() v1alpha1.InstanceMatch {
	return v1alpha1.InstanceMatch{
		Offerings:  c.some("web", "db", "web*", "*"),
		Projects:   c.some("red", "blue", "r?d"),
		Namespaces: c.some("red-dev", "red-prod", "*-prod"),
		Names:      c.some("shop", "cart", "s*"),
	}
}

func (c corpus) selector() *metav1.LabelSelector {
	if c.IntN(3) > 0 {
		return nil
	}
	expression := metav1.LabelSelectorRequirement{Key: pick(c, "env", "tier"), Operator: pick(c,
		metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
	if strings.HasSuffix(string(expression.Operator), "In") {
		expression.Values = []string{pick(c, "dev", "prod"), pick(c, "test", "prod")}
	}
	selector := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{expression}}
	if c.IntN(2) == 0 {
		selector.MatchLabels = map[string]string{"env": pick(c, "dev", "prod")}
	}
	return selector
}

func (c corpus) guardrail(n int) *v1alpha1.Guardrail {
	g := &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("g-%04d", n)}}
	g.Spec.CEL = &v1alpha1.CELPolicy{}
	g.Spec.Match = v1alpha1.GuardrailMatch{
		InstanceMatch: c.instanceMatch(), NamespaceSelector: c.selector(), ObjectSelector: c.selector(),
	}
	for _, operation := range c.some("CREATE", "UPDATE", "*") {
		g.Spec.Match.Operations = append(g.Spec.Match.Operations, v1alpha1.Operation(operation))
	}
	for range max(0, c.IntN(4)-2) {
		g.Spec.Match.Excludes = append(g.Spec.Match.Excludes, c.instanceMatch())
	}
	return g
}

// namespaces are fresh objects of few names, as successive snapshots have: labels change, and so does the identity.
func (c corpus) namespaces() []*corev1.Namespace {
	list := []*corev1.Namespace{nil}
	for _, name := range []string{"red-dev", "red-prod", "blue-prod"} {
		list = append(list, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{"env": pick(c, "dev", "prod", "test")},
		}})
	}
	return list
}

func (c corpus) input(namespaces []*corev1.Namespace) *Input {
	object := map[string]any{"metadata": map[string]any{
		"name": pick(c, "shop", "cart", "x"), "labels": map[string]any{"env": pick[any](c, "dev", "prod", int64(1)), "tier": "test"},
	}}
	options := InputOptions{
		Request:      &admissionv1.AdmissionRequest{Operation: pick(c, admissionv1.Create, admissionv1.Update, admissionv1.Delete)},
		Object:       object,
		Namespace:    pick(c, namespaces...),
		OfferingName: pick(c, "web", "db", "webapp", ""),
		ProjectName:  pick(c, "red", "blue", ""),
	}
	if options.Namespace != nil {
		options.Request.Namespace = options.Namespace.Name
	}
	if c.IntN(3) == 0 {
		options.OldObject = map[string]any{"metadata": map[string]any{"labels": map[string]any{"env": "prod"}}}
	}
	return NewInput(options)
}

// constant is a driver whose policies all deny.
type constant struct{}

func (constant) Engine() string                   { return "Constant" }
func (constant) Handles(*v1alpha1.Guardrail) bool { return true }
func (c constant) Compile(context.Context, *v1alpha1.Guardrail) (Program, []v1alpha1.ExpressionWarning, error) {
	return c, nil, nil
}

func (constant) Evaluate(context.Context, *Input) ([]Finding, error) {
	return []Finding{{Message: "no"}}, nil
}

// scanned are the names of the guardrails that match, as a scan of all finds them.
func scanned(set *Set, in *Input) []string {
	sub := newSubject(in)
	var names []string
	for i := range set.guardrails {
		if m := &set.guardrails[i].matcher; m.matchesPlace(&sub) && m.matchesInstance(&sub) {
			names = append(names, set.guardrails[i].info.Name)
		}
	}
	return names
}

// judging are the names of the guardrails that judged.
func judging(set *Set, in *Input) []string {
	var names []string
	verdict := set.Evaluate(context.Background(), in, time.Time{})
	for i := range verdict.Denied {
		names = append(names, verdict.Denied[i].Guardrail)
	}
	return names
}

func TestTheIndexFindsWhatAScanFinds(t *testing.T) {
	c := newCorpus()
	matched, screened := 0, 0
	for range 20 {
		guardrails := make([]*v1alpha1.Guardrail, 200)
		for n := range guardrails {
			guardrails[n] = c.guardrail(n)
		}
		set := NewCompiler(nil, constant{}).Compile(t.Context(), guardrails, nil)
		for range 3 {
			namespaces := c.namespaces()
			for range 200 {
				in := c.input(namespaces)
				want := scanned(set, in)
				matched += len(want)
				if diff := cmp.Diff(want, judging(set, in)); diff != "" {
					t.Fatalf("for %+v in %v (-scan +index):\n%s", in.Request, in.Namespace, diff)
				}
				sub := newSubject(in)
				if x := set.index.find(&sub.place, nil); x.screen != nil {
					screened++
				}
			}
		}
	}
	if matched < 1000 || screened < 1000 {
		t.Fatalf("only %d matches and %d screens: the corpus says nothing", matched, screened)
	}
}

// A cluster with more places than the index has room for is judged all the same.
func TestAnIndexThatOverflowsStillFindsEverything(t *testing.T) {
	set := NewCompiler(nil, constant{}).Compile(t.Context(), []*v1alpha1.Guardrail{{ObjectMeta: metav1.ObjectMeta{Name: "odd"}, Spec: v1alpha1.GuardrailSpec{
		Match: v1alpha1.GuardrailMatch{InstanceMatch: v1alpha1.InstanceMatch{Namespaces: []string{"*1", "*3", "*5", "*7", "*9"}}},
	}}}, nil)
	for round := range 2 {
		for n := range 2 * memoBuckets * memoWays {
			request := &admissionv1.AdmissionRequest{Operation: admissionv1.Create, Namespace: fmt.Sprintf("ns-%d", n)}
			verdict := set.Evaluate(t.Context(), NewInput(InputOptions{Request: request}), time.Time{})
			if got, want := len(verdict.Denied) == 1, n%2 == 1; got != want {
				t.Fatalf("round %d, %s: got %v, want %v", round, request.Namespace, got, want)
			}
		}
	}
}

// A place that was seen before is looked up: nothing is scanned, and nothing allocated.
func TestAKnownPlaceIsNotScannedAgain(t *testing.T) {
	x := newPlaceIndex()
	namespace := &corev1.Namespace{}
	at := func() *place {
		return &place{operation: admissionv1.Create, offering: "web", project: "red", namespace: "red-dev", object: namespace}
	}
	scans := 0
	want := []*setEntry{{compiledGuardrail: new(compiledGuardrail)}}
	scan := func() []*setEntry { scans++; return want }
	x.find(at(), scan)
	known := at()
	if allocs := testing.AllocsPerRun(100, func() {
		if got := x.find(known, scan).entries; len(got) != 1 || got[0] != want[0] {
			t.Fatal("another slice")
		}
	}); allocs > 0 {
		t.Errorf("a look-up allocates %v times", allocs)
	}
	if scans != 1 {
		t.Errorf("scanned %d times", scans)
	}
	for name, change := range map[string]func(*place){
		"operation": func(p *place) { p.operation = admissionv1.Update },
		"offering":  func(p *place) { p.offering = "db" },
		"project":   func(p *place) { p.project = "blue" },
		"namespace": func(p *place) { p.namespace = "red-prod" },
		"object":    func(p *place) { p.object = &corev1.Namespace{} },
	} {
		t.Run(name, func(t *testing.T) {
			other, before := at(), scans
			change(other)
			x.find(other, scan)
			if scans != before+1 {
				t.Error("taken for a known place")
			}
		})
	}
}

func TestConcurrentReviewsShareTheIndex(t *testing.T) {
	c := newCorpus()
	guardrails := make([]*v1alpha1.Guardrail, 60)
	for n := range guardrails {
		guardrails[n] = c.guardrail(n)
	}
	set := NewCompiler(nil, constant{}).Compile(t.Context(), guardrails, nil)
	namespaces := c.namespaces()
	inputs := make([]*Input, 100)
	for i := range inputs {
		inputs[i] = c.input(namespaces)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, in := range inputs {
				if diff := cmp.Diff(scanned(set, in), judging(set, in)); diff != "" {
					t.Errorf("(-scan +index):\n%s", diff)
				}
			}
		})
	}
	group.Wait()
}
