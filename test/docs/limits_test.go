package docs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
)

// catalogSchema is the schema of the sample's instances.
func catalogSchema(t *testing.T) *schema.Structural {
	t.Helper()
	parsed, _, _ := offering.Parse(platform(t).rgd)
	if parsed.Schema == nil {
		t.Fatal("the sample has no schema")
	}
	return parsed.Schema
}

// count writes 1000000 as 1,000,000.
func count(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", count(n/1000), n%1000)
}

// size writes bytes as KiB or MiB.
func size(n int64) string {
	const mebi = 1 << 20
	if n >= mebi && n%mebi == 0 {
		return fmt.Sprintf("%d MiB", n/mebi)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// limits reads the limits of a package that nobody else can name.
type limits struct {
	t *testing.T
	Constants
}

func limitsOf(t *testing.T, folder string) limits { return limits{t, constants(t, folder)} }

func (l limits) get(name string) int64 {
	l.t.Helper()
	value, err := l.Int(name)
	if err != nil {
		l.t.Fatal(err)
	}
	return value
}

// inSchema are the limits that the CRD of Guardrails has.
func inSchema(t *testing.T, path string) (items, length int64) {
	t.Helper()
	props := platform(t).schemas.at("Guardrail", path)
	if props == nil {
		t.Fatalf("the CRD has no field %s", path)
	}
	if props.MaxItems != nil {
		items = *props.MaxItems
	}
	if props.MaxLength != nil {
		length = *props.MaxLength
	}
	return items, length
}

func items(t *testing.T, path string) string { n, _ := inSchema(t, path); return count(n) }

func length(t *testing.T, path string) string { _, n := inSchema(t, path); return size(n) }

func TestLimitsAreTheCodes(t *testing.T) {
	annotations, expressions := limitsOf(t, "internal/offering"), limitsOf(t, "internal/expression")
	defaulting, driver := limitsOf(t, "internal/defaulting"), limitsOf(t, "policies/rego")
	told := count(policies.MaxFindingsPerGuardrail)
	tests := map[string]map[string]string{
		"docs/annotations.md": {
			"value of one annotation":                               size(annotations.get("maxValueBytes")),
			"depth of nesting in a value":                           count(annotations.get("maxValueDepth")),
			"expressions in all annotations of one RGD":             count(annotations.get("maxExpressions")),
			"text with expressions":                                 size(expressions.get("maxTextBytes")),
			"nodes in an expression's syntax tree, macros expanded": count(expressions.get("maxNodes")),
			"depth of an expression's syntax tree":                  count(expressions.get("maxNesting")),
			"problems that are told at once":                        count(annotations.get("maxProblems")),
			"cost of one expression":                                count(celconfig.PerCallLimit),
			"values passed to functions in one evaluation":          count(celconfig.PerCallLimit),
			"values in the result":                                  count(expressions.get("maxResultValues")),
			"text in the result":                                    size(expressions.get("maxResultBytes")),
		},
		"docs/defaults.md": {
			"rounds in which defaults may build on each other before weaker ones have their turn": count(defaulting.get("maxRounds")),
		},
		"docs/guardrails-cel.md": {
			"cost of one expression":                        count(celconfig.PerCallLimit),
			"cost of all expressions of one guardrail":      count(celconfig.RuntimeCELCostBudget),
			"cost of all matchConditions of one guardrail":  count(celconfig.RuntimeCELCostBudgetMatchConditions),
			"time for one guardrail":                        policies.GuardrailTimeout.String(),
			"length of a message":                           size(policies.MaxMessageBytes),
			"length of a field path or reason":              size(policies.MaxFieldBytes),
			"violations of one guardrail that are told":     told,
			"length of an answer":                           size(policies.MaxRenderBytes),
			"variables":                                     items(t, "spec.cel.variables"),
			"validations":                                   items(t, "spec.cel.validations"),
			"matchConditions":                               items(t, "spec.matchConditions"),
			"length of an expression":                       length(t, "spec.cel.validations.expression"),
			"offerings that a guardrail is checked against": count(policies.MaxTypesToCheck),
			"time for checking the types of one guardrail":  policies.TypeCheckTimeout.String(),
			"findings of the type checker that are told":    count(policies.MaxTypeWarnings),
		},
		"docs/guardrails-rego.md": {
			"time for one evaluation":                                  rego.DefaultDeadline.String(),
			"memory of what one evaluation builds":                     size(driver.get("maxBytes")),
			"time for one guardrail, matchConditions included":         policies.GuardrailTimeout.String(),
			"time to compile":                                          time.Duration(driver.get("compileDeadline")).String(),
			"evaluations of one guardrail that go on after their time": count(driver.get("maxStuck")),
			"depth of nested comprehensions and `every`":               count(driver.get("maxNesting")),
			"findings of one evaluation":                               count(driver.get("maxFindings")),
			"violations of one guardrail that are told":                told,
			"length of a message":                                      size(policies.MaxMessageBytes),
			"length of a field path or reason":                         size(policies.MaxFieldBytes),
			"details of one finding":                                   size(driver.get("maxDetailsBytes")),
			"one printed message":                                      size(driver.get("maxPrintBytes")),
			"compile errors that are told":                             count(driver.get("maxProblems")),
			"warnings in status.typeChecking":                          count(driver.get("maxWarnings")),
			"modules":                                                  items(t, "spec.rego.modules"),
			"length of a module":                                       length(t, "spec.rego.modules.source"),
			"offerings that a guardrail is checked against":            count(policies.MaxTypesToCheck),
			"time for checking the types of one guardrail":             policies.TypeCheckTimeout.String(),
			"findings of the type checker that are told":               count(policies.MaxTypeWarnings),
		},
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, row := range table(t, name, "limits") {
				got[row[0]] = row[1]
			}
			if diff := cmp.Diff(tests[name], got); diff != "" {
				t.Errorf("limits (-code +page):\n%s", diff)
			}
		})
	}
}
