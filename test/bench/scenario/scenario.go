// Package scenario says what is compared: which engines judge which object by how many policies.
package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/bench/engines"
	"github.com/kroguard/kroguard/test/bench/sets"
)

// Names of the sets.
const (
	InstanceRego         = "instance-rego"
	InstanceRegoDistinct = "instance-rego-distinct"
	InstanceCEL          = "instance-cel"
	WorkloadRego         = "workload-rego"
	WorkloadCEL          = "workload-cel"
	Nonmatching          = "nonmatching"
	Handler              = "handler"
	// HandlerAdmitted is Handler with guardrails that all hold.
	HandlerAdmitted = "handler-admitted"
)

// Scenario is one comparison.
type Scenario struct {
	// Set is one of the names.
	Set string
	// N is the number of guardrails; 0 where the engines have different numbers of them.
	N int
	// build sets up the engines; kroguard is the first.
	build func() ([]*engines.Engine, error)
}

// Build sets up the engines, kroguard's first. An engine that is not part of this build is left out. That all of them find the
// same violations is checked.
func (s *Scenario) Build(ctx context.Context) ([]*engines.Engine, error) {
	list, err := s.build()
	if err != nil {
		return nil, err
	}
	if s.Set == Handler {
		return list, nil // the no-op handler finds nothing
	}
	return list, agree(ctx, list)
}

// All are the scenarios with as many guardrails as sizes say. Handlers and guardrails that don't match have sizes of their own.
func All(sizes []int) ([]Scenario, error) {
	instance, err := sets.Instance()
	if err != nil {
		return nil, err
	}
	workload, err := sets.Workload()
	if err != nil {
		return nil, err
	}
	var all []Scenario
	for _, kind := range []struct {
		name     string
		set      *sets.Set
		language engines.Language
		distinct bool
	}{
		{InstanceRego, instance, engines.Rego, false},
		{InstanceRegoDistinct, instance, engines.Rego, true},
		{InstanceCEL, instance, engines.CEL, false},
		{WorkloadRego, workload, engines.Rego, false},
		{WorkloadCEL, workload, engines.CEL, false},
	} {
		for _, n := range sizes {
			all = append(all, Scenario{Set: kind.name, N: n, build: func() ([]*engines.Engine, error) {
				return matching(kind.set, n, kind.language, kind.distinct)
			}})
		}
	}
	all = append(all, Scenario{Set: Nonmatching, build: func() ([]*engines.Engine, error) {
		return nonmatching(instance, []int{0, 100, 1000})
	}})
	const handled = 50
	return append(all,
		Scenario{Set: Handler, N: handled, build: func() ([]*engines.Engine, error) { return handlers(instance, handled) }},
		Scenario{Set: HandlerAdmitted, N: handled, build: func() ([]*engines.Engine, error) {
			return handlers(instance.Without("image-tags", "backup-retention"), handled)
		}}), nil
}

// matching are the engines of a language with n policies that all match.
func matching(set *sets.Set, n int, language engines.Language, distinct bool) ([]*engines.Engine, error) {
	entries, err := set.Cycle(n)
	if err != nil {
		return nil, err
	}
	list := builder{}
	list.add(engines.NewKroguard(set, engines.Guardrails(entries, language, distinct)))
	options := engines.GatekeeperOptions{Distinct: distinct}
	if language == engines.Rego {
		list.add(engines.NewGatekeeper(set, entries, options))
	} else {
		list.add(engines.NewGatekeeperCEL(set, entries, options))
		list.add(engines.NewKubernetes(set, entries))
	}
	return list.engines, list.err
}

// nonmatching are engines with policies that are all meant for something else: three of four for another kind, the rest for
// another namespace. They take turns with those that have fewer policies, as what more policies add is the question.
func nonmatching(set *sets.Set, sizes []int) ([]*engines.Engine, error) {
	list, others := builder{}, builder{}
	for _, n := range sizes {
		entries, err := set.Cycle(n)
		if err != nil {
			return nil, err
		}
		list.add(engines.NewKroguard(set, elsewhere(entries)))
		others.add(engines.NewGatekeeper(set, entries, engines.GatekeeperOptions{Match: matchElsewhere}))
	}
	return append(list.engines, others.engines...), errors.Join(list.err, others.err)
}

// elsewhere are guardrails for other offerings and namespaces.
func elsewhere(entries []sets.Entry) []*v1alpha1.Guardrail {
	guardrails := engines.Guardrails(entries, engines.Rego, false)
	for i := range guardrails {
		guardrails[i].Spec.Match = v1alpha1.GuardrailMatch{}
		if i%4 == 0 {
			guardrails[i].Spec.Match.Namespaces = []string{fmt.Sprintf("team-%d-*", i)}
		} else {
			guardrails[i].Spec.Match.Offerings = []string{fmt.Sprintf("offering-%d", i)}
		}
	}
	return guardrails
}

// matchElsewhere is the same as a constraint's spec.match.
func matchElsewhere(i int) map[string]any {
	if i%4 == 0 {
		return map[string]any{"namespaces": []any{fmt.Sprintf("team-%d-*", i)}}
	}
	return map[string]any{"kinds": []any{map[string]any{
		"apiGroups": []any{"kro.run"}, "kinds": []any{fmt.Sprintf("Offering%d", i)},
	}}}
}

// handlers are kroguard's validating webhook with n guardrails, every other one in Rego, and one that does nothing.
func handlers(set *sets.Set, n int) ([]*engines.Engine, error) {
	entries, err := set.Cycle(n)
	if err != nil {
		return nil, err
	}
	guardrails := engines.Guardrails(entries, engines.CEL, false)
	for i, other := range engines.Guardrails(entries, engines.Rego, false) {
		// By cycle, too, so that each policy is there in both languages.
		if (i+i/len(set.Policies))%2 == 1 {
			guardrails[i] = other
		}
	}
	list := builder{}
	list.add(engines.NewHandler(set, guardrails))
	list.add(engines.NewNoop(set, n))
	return list.engines, list.err
}

// builder collects engines and the first error.
type builder struct {
	engines []*engines.Engine
	err     error
}

func (b *builder) add(engine *engines.Engine, err error) {
	switch {
	case errors.Is(err, engines.ErrNotBuilt):
	case err != nil:
		b.err = errors.Join(b.err, err)
	default:
		b.engines = append(b.engines, engine)
	}
}

// agree checks that all engines find as many violations of each policy as the first.
func agree(ctx context.Context, list []*engines.Engine) error {
	var want map[string]int
	for i, engine := range list {
		got, err := engine.Count(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", engine.Name, err)
		}
		if i == 0 {
			want = got
		} else if !maps.Equal(want, got) {
			return fmt.Errorf("%s finds %v, and %s finds %v", list[0].Name, want, engine.Name, got)
		}
	}
	return nil
}
