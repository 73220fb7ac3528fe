package rego

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maxNesting is how deep comprehensions and every may nest. OPA's compiler works twice as long for each further level (20
// levels: 1 s and 0.5 GB), and nobody reads more than three.
const maxNesting = 10

// checkNesting reports each comprehension or every within which others nest deeper than maxNesting.
func checkNesting(module *ast.Module, problems *problemList) {
	var (
		visitor   *ast.BeforeAfterVisitor
		depth     int
		outermost *ast.Location
	)
	enter := func(node any) bool {
		if head, ok := node.(*ast.Head); ok && len(head.Reference) > 0 && head.Key != nil {
			visitor.Walk(head.Key) // the visitor takes a head with a reference for one without a key
		}
		location, ok := closure(node)
		if !ok {
			return false
		}
		depth++
		if depth == 1 {
			outermost = location
		}
		if depth > maxNesting {
			if depth == maxNesting+1 {
				problems.add(sourceField(outermost.File), outermost,
					fmt.Sprintf("comprehensions nest deeper than %d levels: make rules of the inner ones", maxNesting))
			}
			return true
		}
		return false
	}
	leave := func(node any) {
		if _, ok := closure(node); ok {
			depth--
		}
	}
	visitor = ast.NewBeforeAfterVisitor(enter, leave)
	visitor.Walk(module)
}

// closure reports whether the node is a comprehension or an every, and where it stands.
func closure(node any) (*ast.Location, bool) {
	switch node := node.(type) {
	case *ast.Every:
		return node.Location, true
	case *ast.Term:
		switch node.Value.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			return node.Location, true
		}
	}
	return nil, false
}
