package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/gatekeeper"
	"github.com/kroguard/kroguard/policies/rego"
)

// Runner runs suites.
type Runner struct {
	// Compiler compiles templates. It is needed.
	Compiler *gatekeeper.Compiler
	// Only selects the tests and cases that are run.
	Only Filter
}

// Result is what came of a suite.
type Result struct {
	Path    string        `json:"path"`
	Skipped bool          `json:"skipped,omitempty"`
	Took    time.Duration `json:"nanoseconds"`
	Tests   []TestResult  `json:"tests"`
}

// TestResult is what came of a test.
type TestResult struct {
	Name    string        `json:"name"`
	Skipped bool          `json:"skipped,omitempty"`
	Error   string        `json:"error,omitempty"`
	Took    time.Duration `json:"nanoseconds"`
	Cases   []CaseResult  `json:"cases,omitempty"`
}

// CaseResult is what came of a case.
type CaseResult struct {
	Name    string        `json:"name"`
	Skipped bool          `json:"skipped,omitempty"`
	Error   string        `json:"error,omitempty"`
	Took    time.Duration `json:"nanoseconds"`
	// Violations are the messages, in the order in which the policy found them.
	Violations []string `json:"violations,omitempty"`
}

// Failed reports whether anything in the suite failed.
func (r *Result) Failed() bool {
	return slices.ContainsFunc(r.Tests, func(t TestResult) bool {
		return t.Error != "" || slices.ContainsFunc(t.Cases, func(c CaseResult) bool { return c.Error != "" })
	})
}

// Run runs a suite. The error is the context's.
func (r *Runner) Run(ctx context.Context, suite *Suite) (*Result, error) {
	started := time.Now()
	result := &Result{Path: suite.Path, Skipped: suite.Skip}
	if suite.Skip {
		return result, nil
	}
	for i := range suite.Tests {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		result.Tests = append(result.Tests, r.test(ctx, filepath.Dir(suite.Path), &suite.Tests[i]))
	}
	result.Took = time.Since(started)
	return result, nil
}

func (r *Runner) test(ctx context.Context, folder string, test *Test) TestResult {
	result := TestResult{Name: test.Name}
	if test.Skip || !r.Only.selectsTest(test) {
		result.Skipped = true
		return result
	}
	started := time.Now()
	constraint, err := r.constraint(ctx, folder, test)
	switch {
	case test.Invalid && errors.Is(err, gatekeeper.ErrSchema):
		err = nil
	case test.Invalid && err == nil:
		err = errors.New("the constraint is to be invalid, and the template's schema takes it")
	case test.Invalid:
		err = fmt.Errorf("the constraint is to be invalid by the template's schema, but: %w", err)
	case err == nil:
		result.Cases, err = r.cases(ctx, folder, test, constraint)
	}
	if err != nil {
		result.Error = err.Error()
	}
	result.Took = time.Since(started)
	return result
}

func (r *Runner) cases(ctx context.Context, folder string, test *Test, constraint *gatekeeper.Constraint) ([]CaseResult, error) {
	j := judge{folder: folder, constraint: constraint}
	if test.Expansion != "" {
		var err error
		if j.expansions, err = readExpansions(filepath.Join(folder, test.Expansion)); err != nil {
			return nil, err
		}
	}
	results := make([]CaseResult, len(test.Cases))
	for i := range test.Cases {
		results[i] = r.run(ctx, test, &test.Cases[i], &j)
	}
	return results, nil
}

// constraint compiles the template, and the constraint for it.
func (r *Runner) constraint(ctx context.Context, folder string, test *Test) (*gatekeeper.Constraint, error) {
	if test.Template == "" {
		return nil, errors.New("template is missing: name the file of a ConstraintTemplate")
	}
	object, err := readObject(filepath.Join(folder, test.Template))
	if err != nil {
		return nil, err
	}
	template, err := r.Compiler.Template(ctx, object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", test.Template, err)
	}
	if test.Constraint == "" {
		return nil, errors.New("constraint is missing: name the file of a constraint")
	}
	if object, err = readObject(filepath.Join(folder, test.Constraint)); err != nil {
		return nil, err
	}
	constraint, err := template.Constraint(object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", test.Constraint, err)
	}
	return constraint, nil
}

func (r *Runner) run(ctx context.Context, test *Test, c *Case, j *judge) CaseResult {
	result := CaseResult{Name: c.Name}
	if c.Skip || !r.Only.selectsCase(test.Name, c.Name) {
		result.Skipped = true
		return result
	}
	started := time.Now()
	err := func() (err error) {
		switch {
		case c.Object == "":
			return errors.New("object is missing: name the file of an object")
		case len(c.Assertions) == 0:
			return errors.New("there are no assertions: say violations: yes, or no")
		}
		if result.Violations, err = j.violations(ctx, c); err != nil {
			return err
		}
		for i := range c.Assertions {
			if err := c.Assertions[i].check(result.Violations); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		result.Error = err.Error()
	}
	result.Took = time.Since(started)
	return result
}

// judge judges the objects of a test.
type judge struct {
	folder     string
	constraint *gatekeeper.Constraint
	expansions []expansion
}

// violations yields the messages of all violations, those of what the object expands into included.
func (j *judge) violations(ctx context.Context, c *Case) ([]string, error) {
	file := filepath.Join(j.folder, c.Object)
	objects, err := readObjects(file)
	if err != nil {
		return nil, err
	}
	if len(objects) != 1 {
		return nil, fmt.Errorf("%s: there are %d objects in it, and one is judged at a time", file, len(objects))
	}
	var inventoried []map[string]any
	for _, name := range c.Inventory {
		more, err := readObjects(filepath.Join(j.folder, name))
		if err != nil {
			return nil, err
		}
		inventoried = append(inventoried, more...)
	}
	inventory, err := gatekeeper.NewInventory(inventoried)
	if err != nil {
		return nil, err
	}
	in, err := inputOf(objects[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	messages, err := j.messages(ctx, in, inventory, gatekeeper.SourceOriginal)
	if err != nil || isReview(objects[0]) {
		return messages, err
	}
	results, err := expand(objects[0], j.expansions, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, result := range results {
		if in, err = inputOf(result.object); err != nil {
			return nil, fmt.Errorf("%s, expanded by %s: %w", file, result.template, err)
		}
		further, err := j.messages(ctx, in, inventory, gatekeeper.SourceGenerated)
		if err != nil {
			return nil, err
		}
		for _, message := range further {
			messages = append(messages, fmt.Sprintf("[Implied by %s] %s", result.template, message))
		}
	}
	return messages, nil
}

// messages are those of the violations of one object. As in Gatekeeper, a constraint that can't be matched or evaluated is one.
func (j *judge) messages(
	ctx context.Context, in *policies.Input, inventory *gatekeeper.Inventory, source gatekeeper.Source,
) ([]string, error) {
	if len(j.constraint.Actions(gatekeeper.PointTest)) == 0 {
		return nil, nil
	}
	holds, unmatched := j.constraint.Matches(&gatekeeper.Subject{
		Object: in.Object, OldObject: in.OldObject, Namespace: inventory.Namespace(in.Request.Namespace), Source: source,
	})
	if unmatched != nil {
		object := &unstructured.Unstructured{Object: in.Object}
		if in.Object == nil {
			object.Object = in.OldObject
		}
		return []string{fmt.Sprintf("unable to match constraints: error matching the requested object: %s :failed to run Match criteria: %v",
			object.GetName(), unmatched)}, nil
	}
	if !holds {
		return nil, nil
	}
	findings, err := j.evaluate(ctx, in, inventory)
	if errors.Is(err, rego.ErrNoMessage) {
		return nil, err
	}
	var messages []string
	for i := range findings {
		messages = append(messages, findings[i].Message)
	}
	if err != nil && ctx.Err() == nil && !j.constraint.Template.IgnoresErrors {
		messages = append(messages, errorMessages(err)...)
	}
	return messages, ctx.Err()
}

func (j *judge) evaluate(ctx context.Context, in *policies.Input, inventory *gatekeeper.Inventory) ([]policies.Finding, error) {
	program, err := j.constraint.Program(ctx, inventory)
	if err != nil {
		return nil, err
	}
	return program.Evaluate(ctx, in)
}

// errorMessages are Gatekeeper's messages for what failed: one for each expression of CEL, one for a policy in Rego.
func errorMessages(err error) []string {
	if failed, ok := errors.AsType[cel.EvaluationErrors](err); ok {
		messages := make([]string, len(failed))
		for i := range failed {
			messages[i] = failed[i].Err.Error()
		}
		return messages
	}
	if failed, ok := errors.AsType[cel.EvaluationError](err); ok {
		return []string{failed.Err.Error()}
	}
	return []string{rego.EngineMessage(err)}
}

func isReview(object map[string]any) bool {
	gvk := (&unstructured.Unstructured{Object: object}).GroupVersionKind()
	return gvk.Kind == "AdmissionReview" && gvk.Group == admissionv1.GroupName
}

// inputOf is an object, or the request of an AdmissionReview, as policies see it.
func inputOf(object map[string]any) (*policies.Input, error) {
	if isReview(object) {
		return reviewed(object)
	}
	u := &unstructured.Unstructured{Object: object}
	gvk := u.GroupVersionKind()
	if gvk.Kind == "" {
		return nil, errors.New("the object has no kind")
	}
	in := policies.NewInput(policies.InputOptions{Object: object, Request: &admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind(gvk), Name: u.GetName(), Namespace: u.GetNamespace(),
	}})
	in.Request.Operation = "" // an object is no request
	return in, nil
}

func reviewed(object map[string]any) (*policies.Input, error) {
	review := new(admissionv1.AdmissionReview)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object, review, true); err != nil {
		return nil, fmt.Errorf("this is no AdmissionReview: %w", err)
	}
	request := review.Request
	if request == nil {
		return nil, errors.New("the AdmissionReview has no request")
	}
	options := policies.InputOptions{Request: request}
	for _, part := range []struct {
		raw  []byte
		into *map[string]any
	}{{request.Object.Raw, &options.Object}, {request.OldObject.Raw, &options.OldObject}} {
		if len(part.raw) == 0 || string(part.raw) == "null" {
			continue
		}
		if err := utiljson.Unmarshal(part.raw, part.into); err != nil {
			return nil, fmt.Errorf("the AdmissionReview's object: %w", err)
		}
		if kind, _ := (*part.into)["kind"].(string); kind == "" {
			return nil, errors.New("the AdmissionReview's object has no kind")
		}
	}
	switch {
	case options.Object == nil && options.OldObject == nil:
		return nil, errors.New("the AdmissionReview has neither an object nor an oldObject")
	case request.Operation == admissionv1.Delete && options.OldObject == nil:
		return nil, errors.New("the AdmissionReview of a DELETE has no oldObject")
	}
	operation := request.Operation
	in := policies.NewInput(options)
	in.Request.Operation = operation
	if options.Object == nil {
		in.Object = nil
	}
	return in, nil
}
