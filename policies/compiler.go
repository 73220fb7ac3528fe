package policies

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Compiler compiles guardrails and exceptions into Sets. What did not change since the last Set is not compiled again. It is
// safe for concurrent use.
type Compiler struct {
	conditions ConditionCompiler
	drivers    []Driver
	recorder   Recorder

	mu sync.Mutex
	// compiled holds what the last Set is made of, and nothing else.
	compiled map[textKey]*compiledGuardrail
	waivers  map[textKey]*compiledException
	// last is the last Set.
	last *Set
	// reports are the type checker's; see CheckTypes.
	reports typeReports
}

// NewCompiler builds a Compiler. The first driver that handles a guardrail compiles it; conditions compiles the
// matchConditions of all.
func NewCompiler(conditions ConditionCompiler, drivers ...Driver) *Compiler {
	return &Compiler{conditions: conditions, drivers: slices.Clone(drivers)}
}

// Record has the recorder told of all that is compiled from now on. Call it before the first Compile.
func (c *Compiler) Record(recorder Recorder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recorder = recorder
}

// Compile compiles a Set. It never fails as a whole: a guardrail that does not compile is in the Set with its error and
// counts by its failurePolicy; an exception that does not compile waives nothing. Neither slice is kept, and nil entries
// are skipped. A guardrail whose compilation ctx cut short is compiled anew for the next Set. Where nothing changed, the Set is
// the last one, with all that it has learned of where its guardrails match.
func (c *Compiler) Compile(
	ctx context.Context, guardrails []*v1alpha1.Guardrail, exceptions []*v1alpha1.GuardrailException,
) *Set {
	c.mu.Lock()
	defer c.mu.Unlock()

	waivers, sameWaivers := c.compileExceptions(exceptions)
	compiled, sameGuardrails := c.compileGuardrails(ctx, guardrails)
	if c.last == nil || !sameWaivers || !sameGuardrails {
		c.last = newSet(compiled, waivers)
		if c.recorder != nil {
			c.recorder.Retain(c.last.names())
		}
	}
	return c.last
}

// compileGuardrails yields the compiled guardrails, and whether they are those of the last Set.
func (c *Compiler) compileGuardrails(ctx context.Context, guardrails []*v1alpha1.Guardrail) ([]*compiledGuardrail, bool) {
	present := slices.DeleteFunc(slices.Clone(guardrails), func(g *v1alpha1.Guardrail) bool { return g == nil })
	keys := make([]textKey, len(present))
	all := make([]*compiledGuardrail, len(present))
	var unknown []int
	for i, guardrail := range present {
		keys[i] = keyOf(&guardrail.ObjectMeta, &guardrail.Spec)
		if all[i] = c.compiled[keys[i]]; all[i] == nil {
			unknown = append(unknown, i)
		}
	}
	parallel(unknown, func(i int) { all[i] = c.compileRecorded(ctx, present[i]) })

	next := make(map[textKey]*compiledGuardrail, len(present))
	for i, key := range keys {
		if key != (textKey{}) && (ctx.Err() == nil || c.compiled[key] != nil) {
			next[key] = all[i]
		}
	}
	same := len(unknown) == 0 && len(all) == len(next) && len(all) == len(c.compiled)
	c.compiled = next
	return all, same
}

// parallel does the work for each of the items, on all processors.
func parallel(items []int, work func(item int)) {
	var workers sync.WaitGroup
	var taken atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(items)) {
		workers.Go(func() {
			for n := taken.Add(1) - 1; n < int64(len(items)); n = taken.Add(1) - 1 {
				work(items[n])
			}
		})
	}
	workers.Wait()
}

// compileExceptions yields the exceptions that compile, and whether they are those of the last Set. One that does not compile
// waives nothing: it is refused when it is applied, and its status says so where it got in anyway.
func (c *Compiler) compileExceptions(exceptions []*v1alpha1.GuardrailException) ([]*compiledException, bool) {
	next := make(map[textKey]*compiledException, len(exceptions))
	var all []*compiledException
	same := true
	for _, exception := range exceptions {
		if exception == nil {
			continue
		}
		key := keyOf(&exception.ObjectMeta, &exception.Spec)
		compiled, ok := c.waivers[key]
		if !ok {
			same = false
			compiled, _ = compileException(exception) // nil waives nothing
		}
		if key != (textKey{}) {
			next[key] = compiled
		}
		if compiled != nil {
			all = append(all, compiled)
		}
	}
	same = same && len(next) == len(c.waivers)
	c.waivers = next
	return all, same
}

// CheckGuardrail compiles one guardrail and forgets it, as the admission of a Guardrail needs. The error is a
// CompileErrors with every place that is wrong.
func (c *Compiler) CheckGuardrail(
	ctx context.Context, guardrail *v1alpha1.Guardrail,
) ([]v1alpha1.ExpressionWarning, error) {
	compiled := c.compile(ctx, guardrail)
	return compiled.info.Warnings, compiled.info.Err
}

// textKey identifies the text of a guardrail or an exception: in a cluster by its UID and generation, offline, where there are
// none, by its name and a digest.
type textKey struct {
	uid        types.UID
	generation int64
	name       string
	digest     [sha256.Size]byte
}

// keyOf is the zero value where the text has no digest, since a guardrail's params are no JSON: it is not kept.
func keyOf(meta *metav1.ObjectMeta, spec any) textKey {
	if meta.UID != "" && meta.Generation > 0 {
		return textKey{uid: meta.UID, generation: meta.Generation}
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return textKey{}
	}
	return textKey{name: meta.Name, digest: sha256.Sum256(text)}
}

// compileRecorded is compile for a Set.
func (c *Compiler) compileRecorded(ctx context.Context, guardrail *v1alpha1.Guardrail) *compiledGuardrail {
	started := time.Now()
	compiled := c.compile(ctx, guardrail)
	if c.recorder != nil {
		compiled.observer = c.recorder.Compiled(&compiled.info, time.Since(started))
	}
	return compiled
}

// compile compiles one guardrail. All that is wrong with it is collected, in the order of its text.
func (c *Compiler) compile(ctx context.Context, guardrail *v1alpha1.Guardrail) *compiledGuardrail {
	compiled := newCompiledGuardrail(guardrail)
	errs := checkWords(guardrail)

	matching := matchCompiler{}
	compiled.matcher = matching.guardrail("spec.match", &guardrail.Spec.Match)
	errs = append(errs, matching.errors...)

	conditions, err := c.compileConditions(ctx, guardrail)
	if err == nil {
		compiled.conditions = conditions
	}
	errs = append(errs, asCompileErrors("spec.matchConditions", err)...)

	driver := c.driverFor(guardrail)
	if driver == nil {
		errs = append(errs, CompileError{Field: "spec", Message: "no engine handles the guardrail: give exactly one of cel, rego"})
	} else {
		compiled.info.Engine = driver.Engine()
		program, warnings, err := compileProgram(ctx, driver, guardrail)
		compiled.program, compiled.info.Warnings = program, warnings
		errs = append(errs, asCompileErrors("spec", err)...)
	}

	if len(errs) > 0 {
		compiled.info.Err = errs
	}
	return compiled
}

func (c *Compiler) driverFor(guardrail *v1alpha1.Guardrail) Driver {
	for _, driver := range c.drivers {
		if driver.Handles(guardrail) {
			return driver
		}
	}
	return nil
}

func (c *Compiler) compileConditions(
	ctx context.Context, guardrail *v1alpha1.Guardrail,
) (conditions Conditions, err error) {
	if len(guardrail.Spec.MatchConditions) == 0 {
		return nil, nil
	}
	defer recoverAs(&err, "compiling the matchConditions")
	return c.conditions.CompileConditions(ctx, guardrail)
}

func compileProgram(
	ctx context.Context, driver Driver, guardrail *v1alpha1.Guardrail,
) (program Program, warnings []v1alpha1.ExpressionWarning, err error) {
	defer recoverAs(&err, "compiling the policy")
	program, warnings, err = driver.Compile(ctx, guardrail)
	if err == nil && program == nil {
		err = fmt.Errorf("the %s driver yields no program", driver.Engine())
	}
	return program, warnings, err
}

// checkWords checks the words that a schema holds in a cluster and nothing holds offline.
func checkWords(guardrail *v1alpha1.Guardrail) CompileErrors {
	var errs CompileErrors
	for i, action := range guardrail.Spec.ValidationActions {
		switch action {
		case v1alpha1.ActionDeny, v1alpha1.ActionWarn, v1alpha1.ActionAudit:
		default:
			errs = append(errs, CompileError{
				Field:   index("spec.validationActions", i),
				Message: fmt.Sprintf("%q is none of Deny, Warn, Audit", action),
			})
		}
	}
	switch guardrail.Spec.FailurePolicy {
	case "", v1alpha1.FailurePolicyFail, v1alpha1.FailurePolicyIgnore:
	default:
		errs = append(errs, CompileError{
			Field:   "spec.failurePolicy",
			Message: fmt.Sprintf("%q is neither Fail nor Ignore", guardrail.Spec.FailurePolicy),
		})
	}
	switch guardrail.Spec.Evaluate {
	case "", v1alpha1.EvaluateInstance, v1alpha1.EvaluateResources:
	default:
		errs = append(errs, CompileError{
			Field: "spec.evaluate", Message: fmt.Sprintf("%q is neither Instance nor Resources", guardrail.Spec.Evaluate),
		})
	}
	switch guardrail.Spec.OnUnknown {
	case "", v1alpha1.OnUnknownAllow, v1alpha1.OnUnknownWarn, v1alpha1.OnUnknownDeny:
	default:
		errs = append(errs, CompileError{
			Field: "spec.onUnknown", Message: fmt.Sprintf("%q is none of Allow, Warn, Deny", guardrail.Spec.OnUnknown),
		})
	}
	return errs
}

func index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
