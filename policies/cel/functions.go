package cel

import (
	"math"
	"strings"

	"github.com/google/cel-go/common/operators"
)

// Sizes that the results of some functions stay below.
const (
	// numberText bounds the text of a number, a timestamp, a duration, an address.
	numberText = 64
	// formatRegex bounds the size that Kubernetes assumes for the regular expression of a format, which is 128 at most.
	formatRegex = 256
)

// traversal is what CEL charges for reading a string of the size, at most.
func traversal(size float64) float64 { return math.Ceil(size/10) + 1 }

// pattern is what CEL charges for matching a string with a regular expression, at most.
func pattern(text, regex float64) float64 { return times(traversal(text+1), math.Ceil(regex/4)+1) }

// function yields the most that a call costs besides its arguments, and the extent of its result; nil where nothing is known
// of the function. A receiver is the first argument. The rules are those of cel-go's interpreter/runtimecost.go and of
// k8s.io/apiserver/pkg/cel/library/cost.go, rounded up; what they do not mention costs 1.
func function(name string, args []*extent) (float64, *extent) {
	if cost, result := operator(name, args); result != nil {
		return cost, result
	}
	if len(args) == 0 {
		if strings.HasPrefix(name, "format.") || name == "optional.none" {
			return 1, scalar()
		}
		return 0, nil
	}
	if cost, result := stringFunction(name, args); result != nil {
		return cost, result
	}
	return libraryFunction(name, args)
}

func operator(name string, args []*extent) (float64, *extent) {
	switch name {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse,
		operators.Negate, operators.Subtract, operators.Multiply, operators.Divide,
		operators.Modulo:
		return 1, scalar()
	case operators.Conditional:
		return 1, either(args[1], args[2])
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater,
		operators.GreaterEquals:
		return traversal(min(args[0].size, args[1].size)), scalar()
	case operators.In, operators.OldIn:
		return args[1].size + 1, scalar()
	case operators.Add:
		return traversal(args[0].size + args[1].size), both(args[0], args[1])
	case "cel.@mapInsert":
		return 1, inserted(args[0], args[1:])
	}
	return 0, nil
}

// inserted is the extent of a map with one more entry, given as key and value, or with the entries of another map.
func inserted(m *extent, added []*extent) *extent {
	if len(added) == 1 {
		return both(m, added[0])
	}
	return both(m, listOf(1, both(added[0], added[1])))
}

func stringFunction(name string, args []*extent) (float64, *extent) {
	text := args[0].size
	switch name {
	case "size", "int", "uint", "double", "bool", "type", "timestamp", "duration":
		return traversal(text), scalar()
	case "string", "bytes", "strings.quote":
		return traversal(text), textOf(max(numberText, 4*text+2))
	case "startsWith", "endsWith":
		return traversal(args[1].size), scalar()
	case "contains":
		return times(traversal(text), traversal(args[1].size)), scalar()
	case "matches":
		return pattern(text, args[1].size), scalar()
	case "find":
		return pattern(text, args[1].size), textOf(text)
	case "findAll":
		return pattern(text, args[1].size), listOf(text+1, textOf(text))
	case "lowerAscii", "upperAscii", "trim", "substring", "charAt":
		return traversal(text), textOf(max(text, 1))
	case "replace":
		return 2 * traversal(text), textOf(text + times(text+1, args[2].size))
	case "split":
		return 2 * traversal(text), listOf(text+1, textOf(text))
	case "format":
		// The text can be of any size, so that nothing but to be a result is left for it.
		return traversal(text), textOf(math.Inf(1))
	case "join":
		separator := 0.0
		if len(args) > 1 {
			separator = args[1].size
		}
		joined := times(args[0].entries, args[0].element().size+separator)
		return 2 * traversal(joined), textOf(joined)
	}
	return 0, nil
}

// libraryFunction knows the functions of Kubernetes' libraries.
func libraryFunction(name string, args []*extent) (float64, *extent) {
	first := args[0]
	switch name {
	case "dyn", "optional.of", "optional.ofNonZeroValue", "value":
		return 1, first
	case "hasValue":
		return 1, scalar()
	case "or", "orValue":
		return 1, either(first, args[1])
	case "quantity", "isQuantity", "semver", "isSemver", "isIP", "isCIDR", "isURL", "cidr", "ip", "ip.isCanonical":
		return 2 * traversal(first.size), textOf(max(first.size, numberText))
	case "url":
		return traversal(first.size), textOf(first.size)
	case "getScheme", "getHostname", "getHost", "getPort", "getEscapedPath":
		return 1, textOf(3*first.size + 1)
	case "isGreaterThan", "isLessThan", "compareTo", "isInteger", "asInteger", "asApproximateFloat", "sign", "add", "sub",
		"major", "minor", "patch", "family", "isUnspecified", "isLoopback", "isLinkLocalMulticast", "isLinkLocalUnicast",
		"isGlobalUnicast", "prefixLength", "masked":
		return 1, textOf(numberText)
	case "containsIP", "containsCIDR":
		return 4*traversal(max(first.size, numberText)) + traversal(args[1].size), scalar()
	case "isSorted", "sum", "min", "max", "indexOf", "lastIndexOf", "includes":
		return first.weight + 1, either(first.element(), scalar())
	case "sets.contains", "sets.intersects", "sets.equivalent":
		return 2*times(first.size, args[1].size) + 2, scalar()
	case "validate":
		return pattern(args[1].size, formatRegex), listOf(numberText, textOf(4*args[1].size+1<<10))
	}
	return 0, nil
}
