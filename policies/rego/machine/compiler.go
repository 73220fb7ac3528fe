package machine

import (
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Options say how rules are compiled. The zero value is usable.
type Options struct {
	// Constants are parts of the input document that are known when the rules are compiled, by their key in it. The input of
	// a Run does not have them.
	Constants map[string]*ast.Term
	// Prefixes are paths in the input document that many programs read: a Run asks its Input for the values
	// at those that its Program reads, which may be made once for all.
	Prefixes [][]string
	// Documents are names below data whose documents are no rules: the caller of a Run gives their values, see Run.Documents.
	Documents []string
}

// Compile compiles the rules that the roots refer to, and all that these need. The compiler must have compiled its modules
// without an error; nothing of it is changed, and only terms of it are kept. The error is an UnsupportedError.
func Compile(compiled *ast.Compiler, roots []ast.Ref, options Options) (*Program, error) {
	c := &compiler{options: options, groups: map[string]*group{}, program: &Program{}, readPrefixes: map[int]bool{}}
	c.collect(compiled)
	c.reserve()
	for _, root := range roots {
		group, rest, err := c.resolve(root)
		if err != nil {
			return nil, err
		}
		if group == nil || rest != len(root) || group.kind == kindFunction {
			return nil, unsupported(nil, "root %s", root)
		}
		index, err := c.rule(group)
		if err != nil {
			return nil, err
		}
		c.program.roots = append(c.program.roots, index)
	}
	c.program.slots = c.slots
	for i, slot := range c.prefixSlots {
		if c.readPrefixes[slot] {
			c.program.prefixes = append(c.program.prefixes, readPrefix{prefix: i, slot: slot})
		}
	}
	c.program.documents = c.documentSlots
	return c.program, nil
}

// compiler compiles one Program.
type compiler struct {
	options Options
	// groups are all rules by the static path that they share.
	groups map[string]*group
	// packages are the paths of all packages, some of which have no rules.
	packages []string
	program  *Program
	// slots is how many slots there are so far; prefixSlots are those that a Run fills in, besides the input's.
	slots         int
	prefixSlots   []int
	documentSlots []int
	// dependent is set when what is compiled needs the input, or does something besides yielding a value.
	dependent bool
	// foldUntil is when no further constants are computed.
	foldUntil time.Time
	// readPrefixes are the slots of prefixes that are read.
	readPrefixes map[int]bool
}

// kind is what a group of rules yields.
type kind uint8

const (
	// kindComplete is one value, kindSet and kindObject are built element by element, kindFunction has arguments.
	kindComplete kind = iota
	kindSet
	kindObject
	kindFunction
	// kindUnknown is what the machine does not run.
	kindUnknown
)

// group is all rules of one path.
type group struct {
	path  ast.Ref
	kind  kind
	rules []*ast.Rule
	// index is the rule's place in the Program, once it is compiled.
	index    int
	compiled bool
}

// collect sorts the rules of all modules into groups.
func (c *compiler) collect(compiled *ast.Compiler) {
	names := make([]string, 0, len(compiled.Modules))
	for name := range compiled.Modules {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c.packages = append(c.packages, pathKey(compiled.Modules[name].Package.Path))
		for _, rule := range compiled.Modules[name].Rules {
			ref := rule.Ref()
			n := staticLength(ref)
			key := pathKey(ref[:n])
			g, ok := c.groups[key]
			if !ok {
				g = &group{path: ref[:n], kind: kindOf(rule, len(ref)-n)}
				c.groups[key] = g
			}
			if !rule.Default && kindOf(rule, len(ref)-n) != g.kind {
				if len(g.rules) == 1 && g.rules[0].Default {
					g.kind = kindOf(rule, len(ref)-n)
				} else {
					g.kind = kindUnknown
				}
			}
			g.rules = append(g.rules, rule)
		}
	}
}

// staticLength is how many terms of a rule's reference are constant strings, "data" included.
func staticLength(ref ast.Ref) int {
	n := 1
	for n < len(ref) {
		if _, ok := ref[n].Value.(ast.String); !ok {
			break
		}
		n++
	}
	return n
}

// kindOf is what a rule yields whose reference has rest terms behind its static path.
func kindOf(rule *ast.Rule, rest int) kind {
	switch {
	case len(rule.Head.Args) > 0 && rest == 0:
		return kindFunction
	case len(rule.Head.Args) > 0 || rest > 1:
		return kindUnknown
	case rule.Head.RuleKind() == ast.MultiValue && rest == 0:
		return kindSet
	case rule.Head.RuleKind() == ast.MultiValue:
		return kindUnknown
	case rest == 1 && rule.Else == nil:
		return kindObject
	case rest == 0:
		return kindComplete
	default:
		return kindUnknown
	}
}

// pathKey is a static path as a key. No key is a prefix of another one but for paths that extend each other.
func pathKey(path ast.Ref) string {
	var key strings.Builder
	for _, term := range path[1:] {
		text, _ := term.Value.(ast.String)
		key.WriteString(string(text))
		key.WriteByte(0)
	}
	return key.String()
}

// resolve finds the rules that a reference below data leads to, and how many terms lead there. The group is nil where there are
// none: the document is empty then.
func (c *compiler) resolve(ref ast.Ref) (found *group, n int, err error) {
	static := staticLength(ref)
	for n = 2; n <= static; n++ {
		found = c.groups[pathKey(ref[:n])]
		if found != nil {
			break
		}
	}
	n = min(n, static)
	prefix := pathKey(ref[:n])
	several := slices.ContainsFunc(c.packages, func(path string) bool { return strings.HasPrefix(path, prefix) })
	for key, other := range c.groups {
		several = several || other != found && strings.HasPrefix(key, prefix)
	}
	if several {
		return nil, 0, unsupported(ref[0].Location, "%s is a document of several rules", ref[:n])
	}
	return found, n, nil
}

// reserve takes the slots that a Run fills in.
func (c *compiler) reserve() {
	c.program.input = c.slot()
	for range c.options.Prefixes {
		c.prefixSlots = append(c.prefixSlots, c.slot())
	}
	for range c.options.Documents {
		c.documentSlots = append(c.documentSlots, c.slot())
	}
}

// slot takes a further slot.
func (c *compiler) slot() int {
	c.slots++
	return c.slots - 1
}
