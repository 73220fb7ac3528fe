package expression

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/kubernetes-sigs/kro/pkg/graph/parser"
)

const (
	// maxTextBytes bounds a text with expressions: kro's parser takes quadratic time on unbalanced braces.
	maxTextBytes = 8 << 10
	// maxDepth bounds how deep a value nests, far beyond any real spec.
	maxDepth = 64

	// maxNodes and maxNesting bound one expression's syntax tree, macros expanded. CEL's type checker takes quadratic time in
	// its size and cubic time in how deep types nest: 3 KiB of chained map() keep it busy for a minute. Within these limits it
	// takes some ten milliseconds at worst.
	maxNodes   = 256
	maxNesting = 24

	opening = "${"
)

// Error is one place in a template that does not compile, or whose type doesn't fit.
type Error struct {
	// Path leads from the template's value to the text at fault, as "[0].name"; empty for the value itself.
	Path string
	// Line and Column count from 1 within that text, Column in characters; 0 where the whole text is at fault.
	Line, Column int
	// Message says what is wrong, in one line.
	Message string
}

// Error renders place and message.
func (e Error) Error() string {
	var place []string
	if e.Path != "" {
		place = append(place, e.Path)
	}
	if e.Line > 0 {
		place = append(place, fmt.Sprintf("line %d, column %d", e.Line, e.Column))
	}
	return strings.Join(append(place, e.Message), ": ")
}

// Errors are all places that do not compile, in the order of paths.
type Errors []Error

// Error renders all places, separated by semicolons.
func (e Errors) Error() string {
	parts := make([]string, len(e))
	for i := range e {
		parts[i] = e[i].Error()
	}
	return strings.Join(parts, "; ")
}

// HasExpression reports whether a JSON value has an expression, or what looks like one, in any of its strings. Map keys take
// no expressions.
func HasExpression(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, opening)
	case []any:
		return slices.ContainsFunc(v, HasExpression)
	case map[string]any:
		for _, element := range v {
			if HasExpression(element) {
				return true
			}
		}
	}
	return false
}

// Constant makes a template of a JSON value that has no expression, and needs no Environment for it. A string with "${" in it
// stays as it is.
func Constant(value any) *Template {
	return &Template{constant: value}
}

// Compile compiles and type-checks all expressions in a JSON value: a string, a list, a map of them, as deep as they nest. A
// string that is one expression keeps the type of its result; expressions within other text must yield scalars, which become
// text. Expressions are found as kro finds them: braces nest, and double-quoted strings may hold any; "${" as plain text is
// written ${"${"}. Compile keeps the value. The error is Errors, with every place at fault.
func (e *Environment) Compile(value any) (*Template, error) {
	if !HasExpression(value) {
		return Constant(value), nil
	}
	c := compiler{env: e.env}
	root := c.value(value, "", 0)
	if len(c.errors) > 0 {
		return nil, c.errors
	}
	return &Template{root: root, readsObject: c.readsObject, doubles: e.doubles}, nil
}

// compiler collects what it finds in one template.
type compiler struct {
	env         *cel.Env
	errors      Errors
	readsObject bool
}

func (c *compiler) fail(path string, line, column int, message string) {
	c.errors = append(c.errors, Error{Path: path, Line: line, Column: column, Message: message})
}

func (c *compiler) value(value any, path string, depth int) node {
	if depth > maxDepth {
		c.fail(path, 0, 0, fmt.Sprintf("nests deeper than %d levels", maxDepth))
		return nil
	}
	if !HasExpression(value) {
		return constantNode{value}
	}
	switch v := value.(type) {
	case string:
		return c.text(v, path)
	case []any:
		nodes := make(listNode, len(v))
		for i := range v {
			nodes[i] = c.value(v[i], Index(path, i), depth+1)
		}
		return nodes
	case map[string]any:
		nodes := make(mapNode, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			nodes = append(nodes, mapEntry{key, c.value(v[key], Child(path, key), depth+1)})
		}
		return nodes
	}
	return constantNode{value}
}

// text compiles a string with expressions.
func (c *compiler) text(text, path string) node {
	if len(text) > maxTextBytes {
		c.fail(path, 0, 0, fmt.Sprintf("a text with expressions has at most %d bytes, this one has %d", maxTextBytes, len(text)))
		return nil
	}
	sources, err := parser.ExtractExpressions(text)
	if err != nil {
		message := err.Error()
		if errors.Is(err, parser.ErrNestedExpression) {
			message = `"${" within an expression: variables are written without "${}" there`
		}
		c.fail(path, 0, 0, message)
		return nil
	}
	var parts textNode
	end := 0
	for _, source := range sources {
		start := end + strings.Index(text[end:], opening+source+"}")
		c.literal(&parts, text, path, end, start)
		parts = append(parts, textPart{expression: c.expression(source, path, text[:start+len(opening)])})
		end = start + len(opening) + len(source) + len("}")
	}
	c.literal(&parts, text, path, end, len(text))
	if len(parts) == 1 && parts[0].expression != nil {
		return parts[0].expression
	}
	c.checkText(parts)
	return parts
}

// literal adds the text between two expressions. kro takes an expression that is never closed for text; nobody means that.
func (c *compiler) literal(parts *textNode, text, path string, from, to int) {
	if from == to {
		return
	}
	if i := strings.Index(text[from:to], opening); i >= 0 {
		line, column := position(text[:from+i])
		c.fail(path, line, column, `"${" has no matching "}"; as plain text it is written ${"${"}`)
	}
	*parts = append(*parts, textPart{literal: text[from:to]})
}

// expression compiles one expression; before is the text up to it.
func (c *compiler) expression(source, path, before string) *expressionNode {
	line, column := position(before)
	if strings.TrimSpace(source) == "" {
		c.fail(path, line, column, "the expression is empty")
		return nil
	}
	checked, issues := c.check(source)
	if issues.Err() != nil {
		c.failed(path, line, column, issues)
		return nil
	}
	if checked == nil {
		c.fail(path, line, column, "the expression is too complex: shorten it, or nest less in it")
		return nil
	}
	native := checked.NativeRep()
	program, err := c.env.Program(checked, append(orderMaps(native), guardCalls(native)...)...)
	if err != nil {
		c.fail(path, line, column, err.Error())
		return nil
	}
	c.readsObject = c.readsObject || reads(native, variableObject)
	return &expressionNode{path: path, source: source, program: program, output: checked.OutputType()}
}

// failed reports what CEL says of an expression that begins at a line and column of its text.
func (c *compiler) failed(path string, line, column int, issues *cel.Issues) {
	for _, issue := range issues.Errors() {
		at, offset := line, column+issue.Location.Column()
		if issue.Location.Line() > 1 {
			at, offset = line+issue.Location.Line()-1, issue.Location.Column()+1
		}
		c.fail(path, at, offset, explain(issue.Message))
	}
}

// check parses and type-checks an expression. The tree is nil where that is too complex.
func (c *compiler) check(source string) (*cel.Ast, *cel.Issues) {
	parsed, issues := c.env.Parse(rename(source))
	if issues.Err() != nil {
		return nil, issues
	}
	nodes, nesting := 0, 0
	ast.MatchDescendants(ast.NavigateAST(parsed.NativeRep()), func(e ast.NavigableExpr) bool {
		nodes, nesting = nodes+1, max(nesting, e.Depth())
		return false
	})
	if nodes > maxNodes || nesting > maxNesting {
		return nil, issues
	}
	return c.env.Check(parsed)
}

// checkText refuses expressions that can't be part of a text.
func (c *compiler) checkText(parts textNode) {
	for _, part := range parts {
		if part.expression == nil {
			continue
		}
		switch t := unwrap(part.expression.output); jsonType(t) {
		case "array", "object", "null":
			c.fail(part.expression.path, 0, 0, fmt.Sprintf("${%s} yields a %s, which can't be part of a text", shorten(part.expression.source), t))
		}
	}
}

// reads reports whether an expression refers to a variable.
func reads(checked *ast.AST, variable string) bool {
	for _, reference := range checked.ReferenceMap() {
		if reference.Name == variable {
			return true
		}
	}
	return false
}

// explain makes CEL's message one line for people who write kro templates.
func explain(message string) string {
	message = strings.ReplaceAll(message, " (in container '')", "")
	message = strings.ReplaceAll(message, variableNamespaceInCEL, variableNamespace)
	if strings.HasPrefix(message, "undeclared reference to 'schema'") {
		message += ": the instance is called object, so write object.spec"
	}
	return strings.Join(strings.Fields(message), " ")
}

// position is the line and the column after a text.
func position(before string) (line, column int) {
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}
