package rego

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/kroguard/kroguard/internal/spelling"
	"github.com/kroguard/kroguard/policies"
)

// typeFindingOf is what OPA's error tells of a policy. It is false for what is no mistake when the policy runs: OPA takes an object
// for one that has all its properties, and nothing for null.
func typeFindingOf(e *ast.Error) (policies.TypeFinding, bool) {
	switch detail := e.Details.(type) {
	case *ast.RefErrInvalidDetail:
		return undefinedField(detail)
	case *ast.RefErrUnsupportedDetail:
		if !plain(detail.Have) || detail.Pos+1 >= len(detail.Ref) {
			return policies.TypeFinding{}, false
		}
		return policies.TypeFinding{
			Message: fmt.Sprintf("%s is of type %s, which has no fields", operand(detail.Ref[:detail.Pos+1]), types.Sprint(detail.Have)),
		}, true
	case *ast.UnificationErrDetail:
		if !plain(detail.Left) || !plain(detail.Right) {
			return policies.TypeFinding{}, false
		}
		return policies.TypeFinding{
			Message: fmt.Sprintf("%s and %s are never equal", types.Sprint(detail.Left), types.Sprint(detail.Right)),
		}, true
	case *ast.ArgErrDetail:
		have := detail.Have
		if n := len(have); n > 0 && have[n-1] == nil {
			have = have[:n-1] // the result, which is not known yet
		}
		if slices.ContainsFunc(have, func(t types.Type) bool { return !plain(t) }) {
			return policies.TypeFinding{}, false
		}
		return policies.TypeFinding{
			Message: fmt.Sprintf("%s: have %s, want %s", e.Message, argumentsText(have), detail.Want),
		}, true
	default:
		return policies.TypeFinding{}, false
	}
}

// locationOf is where the error is: of a reference, at the field at fault. OPA's own location is that of the reference's head,
// which several references to one rule share, so that it may be that of another one (v1/ast, resolveRef in compile.go).
func locationOf(e *ast.Error) *ast.Location {
	var term *ast.Term
	switch detail := e.Details.(type) {
	case *ast.RefErrInvalidDetail:
		term = detail.Ref[detail.Pos]
	case *ast.RefErrUnsupportedDetail:
		term = detail.Ref[detail.Pos+1]
	}
	if term == nil || term.Location == nil || term.Location.File == "" {
		return e.Location
	}
	return term.Location
}

// undefinedField is a reference to a field that the schema does not have. It is false where OPA objects to the type of a key.
func undefinedField(detail *ast.RefErrInvalidDetail) (policies.TypeFinding, bool) {
	name, ok := detail.Ref[detail.Pos].Value.(ast.String)
	if !ok || len(detail.OneOf) == 0 {
		return policies.TypeFinding{}, false
	}
	var known []string
	for _, value := range detail.OneOf {
		if key, ok := value.(ast.String); ok {
			known = append(known, string(key))
		}
	}
	slices.Sort(known)
	return policies.TypeFinding{
		Message: fmt.Sprintf("undefined field %s in %s", string(name), operand(detail.Ref[:detail.Pos])),
		Hint:    spelling.Hint(string(name), known),
	}, true
}

// maxOperandBytes is the longest reference that a message repeats.
const maxOperandBytes = 100

func operand(ref ast.Ref) string { return truncated(ref.String(), maxOperandBytes) }

// plain reports whether values of the type are what OPA takes them for: scalars, and lists and sets of them.
func plain(t types.Type) bool {
	switch t := t.(type) {
	case types.Boolean, types.Number, types.String:
		return true
	case types.Any:
		return len(t) > 0 && !slices.ContainsFunc(t, func(t types.Type) bool { return !plain(t) })
	case *types.Set:
		return t.Of() == nil || plain(t.Of())
	case *types.Array:
		for i := range t.Len() {
			if !plain(t.Select(i)) {
				return false
			}
		}
		return t.Dynamic() == nil || plain(t.Dynamic())
	default:
		return false
	}
}

func argumentsText(have []types.Type) string {
	texts := make([]string, len(have))
	for i := range have {
		texts[i] = types.Sprint(have[i])
	}
	return "(" + strings.Join(texts, ", ") + ")"
}
