package machine

import "github.com/open-policy-agent/opa/v1/ast"

type quickFunc func(m *machine, arguments []operand) (*ast.Term, bool)

func quickOf(string, []operand) quickFunc { return nil }

func (b *builtinCall) orQuick(quickFunc) func(m *machine) *ast.Term { return b.value }
