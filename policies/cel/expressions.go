package cel

import (
	"fmt"
	"math"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/library"
)

// instantCost is what the expressions of a guardrail may cost together at most to be run without looking at the clock: some tens of
// milliseconds, and far less as a rule. Kubernetes allows forty times as much.
const instantCost = 250_000

// never is the class of inputs for which the cost of no expression has to be counted, where there are none.
const never class = -1

// expression is a compiled expression.
type expression struct {
	// field is its path in the Guardrail.
	field string
	// plan runs it, without counting what it costs.
	plan    interpreter.InterpretableV2
	checked *cel.Ast
	// counted is the program that counts, made when it is first needed: most guardrails never do.
	counted func() (cel.Program, error)
	// partial is the plan for inputs with fields that nobody can tell yet, made when it is first needed.
	partial func() (*partialPlan, error)
	// broken is why there is none of these: an expression of a template that does not compile fails when it is evaluated, and alone.
	broken error
}

// variable is a compiled variable.
type variable struct {
	expression

	name string
}

// expressions are what is common to the expressions of a policy, or of the matchConditions of a guardrail.
type expressions struct {
	params any
	// paramsSize is the size of params.
	paramsSize class
	// withoutNamespace hides the namespaceObject: it is null.
	withoutNamespace bool
	variables        []variable
	// variablesType is the type of the value of "variables".
	variablesType *types.Type
	// budget is what they may cost together.
	budget uint64
	// reads are the parts of the input that they read.
	reads parts
	// uncounted is, for each lean class of inputs, the largest full one for which they can't cost more than they may, so that
	// their cost need not be counted; instant that for which they take no time worth mentioning.
	uncounted, instant [numClasses]class
	pool               *sync.Pool
}

// bound finds uncounted and instant. The groups are evaluated one after the other, each with variables of its own: the budget
// of the guardrail pays for the variables as often.
func (s *expressions) bound(groups ...[]*expression) {
	for c := range s.uncounted {
		s.uncounted[c], s.instant[c] = never, never
	}
	s.paramsSize = classOf(s.params)
	for lean := s.paramsSize; lean < numClasses; lean++ {
		least, most := s.costs(sizes{lean: lean, full: lean}, groups)
		for full := lean; full < numClasses; full++ {
			total := least
			if full > lean {
				total, most = s.costs(sizes{lean: lean, full: full}, groups)
			}
			// Written so that what is no number is too much.
			if !(total <= float64(s.budget) && most <= celconfig.PerCallLimit) {
				break
			}
			if full == numClasses-1 && total == least {
				full = numClasses // the bulk is not read, so that it may have any size
			}
			s.uncounted[lean] = full
			if total <= instantCost {
				s.instant[lean] = full
			}
		}
		if s.uncounted[lean] == never {
			return
		}
	}
}

// mayCost reports whether the cost of the expressions can matter for inputs of the size, and whether they take time then.
func (s *expressions) mayCost(size sizes) (counted, timed bool) {
	if size.lean >= numClasses {
		return true, true
	}
	return size.full > s.uncounted[size.lean], size.full > s.instant[size.lean]
}

// costs yields the most that all expressions together, and that each, can cost for inputs of a size.
func (s *expressions) costs(size sizes, groups [][]*expression) (total, most float64) {
	b := bounder{size: size, variables: make(map[string]*extent, len(s.variables))}
	add := func(e *expression) *extent {
		if e.broken != nil {
			return scalar() // there will be no value
		}
		cost, result := b.bound(e.checked.NativeRep())
		total += cost
		most = math.Max(most, cost)
		return result
	}
	for i := range s.variables {
		result := add(&s.variables[i].expression)
		b.variables[s.variables[i].name] = result
	}
	total *= float64(len(groups))
	for _, group := range groups {
		for _, e := range group {
			add(e)
		}
	}
	s.reads = b.reads
	return total, most
}

// planner plans expressions of any environment of the driver as cel-go's own programs are planned, but for what counts their
// cost. All environments have the same functions.
type planner struct {
	// partial says that the plans are for inputs with fields that nobody can tell yet.
	partial   bool
	functions interpreter.Dispatcher
	options   []interpreter.PlannerOption
}

// newPlanner takes over the functions of an environment. The options are those that Kubernetes' environment sets, but for the
// counting of costs; the environment does not tell them.
func newPlanner(env *cel.Env, partial bool) (*planner, error) {
	functions, known := interpreter.NewDispatcher(), newPatterns()
	for _, function := range env.Functions() {
		bindings, err := function.Bindings()
		if err != nil {
			return nil, fmt.Errorf("building the CEL environment: %w", err)
		}
		for _, binding := range bindings {
			known.remember(binding)
			if partial {
				heedUnknown(function.Name(), binding)
			}
		}
		if err := functions.Add(bindings...); err != nil {
			return nil, fmt.Errorf("building the CEL environment: %w", err)
		}
	}
	p := &planner{partial: partial, functions: functions, options: []interpreter.PlannerOption{
		interpreter.CustomDecoratorV2(optionalOr),
		interpreter.InterruptableEval(),
		interpreter.Optimize(),
		interpreter.CompileRegexConstants(
			library.FindRegexOptimization, library.FindAllRegexOptimization, interpreter.MatchesRegexOptimization),
	}}
	if partial {
		p.options = append(p.options, interpreter.CustomDecoratorV2(partialEquality))
	}
	return p, nil
}

func (p *planner) plan(env *cel.Env, checked *cel.Ast) (interpreter.InterpretableV2, error) {
	adapter := jsonAdapter{others: env.CELTypeAdapter()}
	attributes := jsonAttributes{
		AttributeFactory: interpreter.NewAttributeFactory(env.Container, adapter, env.CELTypeProvider()), partial: p.partial,
	}
	return interpreter.NewInterpreter(p.functions, env.Container, env.CELTypeProvider(), adapter, attributes).
		NewInterpretable(checked.NativeRep(), p.options...)
}
