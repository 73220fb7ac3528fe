package cel

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"

	"github.com/kroguard/kroguard/internal/spelling"
	"github.com/kroguard/kroguard/policies"
)

// The messages of cel-go's checker that are told (checker/errors.go). It has no codes for them; a test holds that they are these.
const (
	undefinedField = "undefined field '"
	noOverload     = "found no matching overload for '"
	appliedTo      = "' applied to '"
	typeOf         = "type '"
	noSelection    = "' does not support field selection"
)

// finding is what the checker's issue tells of a policy. It is false for what is no mistake when the policy runs: values are
// JSON then, whatever their schema.
func (c *typeCheck) finding(issue *cel.Error, nodes nodes) (policies.TypeFinding, bool) {
	message := issue.Message
	if rest, ok := strings.CutPrefix(message, undefinedField); ok {
		return c.undefined(strings.TrimSuffix(rest, "'"), nodes.operand(issue.ExprID)), true
	}
	if rest, ok := strings.CutPrefix(message, noOverload); ok {
		function, types, _ := strings.Cut(rest, appliedTo)
		types = strings.TrimSuffix(types, "'")
		if !fails(function, types) {
			return policies.TypeFinding{}, false
		}
		harmless := isEquality(function) || c.usage.asksForTypes
		return policies.TypeFinding{Message: message, Tolerant: harmless || c.usage.distinguishes}, true
	}
	if rest, ok := strings.CutPrefix(message, typeOf); ok && strings.HasSuffix(rest, noSelection) {
		name := strings.TrimSuffix(rest, noSelection)
		if strings.Contains(name, typePrefix) {
			return policies.TypeFinding{}, false
		}
		return policies.TypeFinding{
			Message:  nodes.operand(issue.ExprID) + " is of type " + name + ", which has no fields",
			Tolerant: c.usage.distinguishes || c.usage.asksForTypes,
		}, true
	}
	return policies.TypeFinding{}, false
}

// undefined is a field that the schema does not have. Who asks first whether it is there expects that some have it not.
func (c *typeCheck) undefined(name, operand string) policies.TypeFinding {
	finding := policies.TypeFinding{
		Message:  "undefined field " + name + " in " + operand,
		Tolerant: c.usage.distinguishes || c.usage.presence[name],
	}
	at := slices.IndexFunc(c.env.types.missing, func(m missingField) bool { return m.field == name })
	if at < 0 {
		return finding
	}
	structType := c.env.types.missing[at].structType
	c.env.types.missing = slices.Delete(c.env.types.missing, at, at+1)
	finding.Hint = spelling.Hint(name, slices.Sorted(maps.Keys(c.env.types.structs[structType])))
	if path, ok := pathOf(structType); ok {
		finding.Type = path
	}
	return finding
}

// fails reports whether a call with arguments of these types is a mistake. Typed as the schema is, the checker refuses more than
// the evaluation: there, objects are maps, all numbers compare, and lists, branches and fallbacks may be of several types.
func fails(function, types string) bool {
	if strings.Contains(types, typePrefix) || strings.Contains(types, "null") {
		return false
	}
	if function == operators.Conditional || function == "or" || function == "orValue" {
		return false
	}
	arguments := argumentsOf(numbersAlike(types))
	if len(arguments) != 2 {
		return true
	}
	left, right := arguments[0], arguments[1]
	switch function {
	case operators.Add:
		return !strings.HasPrefix(left, "list(") || !strings.HasPrefix(right, "list(")
	case operators.Equals, operators.NotEquals:
		return left != right
	case operators.In:
		return right != "list("+left+")"
	default:
		return true
	}
}

// numbersAlike calls all numeric types the same.
func numbersAlike(types string) string {
	return regexp.MustCompile(`\b(int|uint|double)\b`).ReplaceAllString(types, "number")
}

// argumentsOf splits "(list(int), string)" into its parts.
func argumentsOf(types string) []string {
	types = strings.TrimSuffix(strings.TrimPrefix(types, "("), ")")
	var arguments []string
	depth, start := 0, 0
	for i, r := range types {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			arguments = append(arguments, types[start:i])
			start = i + len(", ")
		}
	}
	return append(arguments, types[start:])
}

// isEquality reports whether the function is false, and no error, where types differ.
func isEquality(function string) bool {
	return function == operators.Equals || function == operators.NotEquals || function == operators.In
}

// isCallOf reports whether an expression calls the function.
func isCallOf(e ast.Expr, function string) bool {
	return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == function
}
