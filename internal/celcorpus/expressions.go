package celcorpus

import (
	"fmt"
	"strconv"
	"strings"
)

// Params are what the expressions take for params.
func Params() map[string]any {
	return map[string]any{
		"max": int64(3), "names": []any{"payments", "shop", "a"}, "prefix": "registry.", "limits": map[string]any{"a": int64(1)},
	}
}

// Variables are the names and expressions of the variables that the expressions read.
func Variables() [][2]string {
	return [][2]string{
		{"three", "3"}, {"failing", "object.spec.absent"}, {"list", "[1, 2, 3]"}, {"map", "{'a': 'bc', 'd': 'e'}"},
		{"optional", "object.?spec.?absent"}, {"names", "object.spec.env.map(e, e.name)"},
		{"image", "object.spec.image"}, {"nested", "variables.list.map(i, i + variables.three)"},
	}
}

// Validation makes an expression that yields a bool, unless it fails.
func Validation(s Source) string {
	g := generator{source: s}
	return g.truth(1 + s.N(4))
}

// Message makes a messageExpression.
func Message(s Source) string {
	g := generator{source: s}
	return g.text(1 + s.N(3))
}

// generator makes expressions of a type and at most a depth.
type generator struct {
	source Source
	// locals are the variables of the comprehensions around.
	locals []string
}

func (g *generator) n(n int) int { return g.source.N(n) }

func (g *generator) truth(depth int) string {
	if depth <= 0 {
		return one(g.source, "true", "false", "object.spec.public", "has(object.spec.text)", "has(object.spec.absent)", "request.dryRun")
	}
	if g.n(2) == 0 {
		return g.question(depth)
	}
	d := depth - 1
	switch g.n(8) {
	case 0:
		return fmt.Sprintf("(%s && %s)", g.truth(d), g.truth(d))
	case 1:
		return fmt.Sprintf("(%s || %s)", g.truth(d), g.truth(d))
	case 2:
		return "!(" + g.truth(d) + ")"
	case 3:
		return fmt.Sprintf("(%s ? %s : %s)", g.truth(d), g.truth(d), g.truth(d))
	case 4:
		return fmt.Sprintf("%s %s %s", g.number(d), one(g.source, "<", "<=", "==", "!=", ">", ">="), g.number(d))
	case 5:
		return fmt.Sprintf("%s %s %s", g.text(d), one(g.source, "<", "==", "!=", ">="), g.text(d))
	case 6:
		return fmt.Sprintf("%s == %s", g.any(d), g.any(d))
	default:
		return g.loop(one(g.source, "all", "exists", "exists_one"), g.list(d), func() string { return g.truth(d) })
	}
}

// question makes a call that answers yes or no. The entries of an object come in any order, so they are only asked about what
// does not depend on it.
func (g *generator) question(depth int) string {
	d := depth - 1
	switch g.n(8) {
	case 0:
		return fmt.Sprintf("%s.%s(%s)", g.text(d), one(g.source, "startsWith", "endsWith", "contains", "matches"), g.text(d))
	case 1:
		return fmt.Sprintf("%s in %s", g.any(d), g.list(d))
	case 2:
		return fmt.Sprintf("sets.%s(%s, %s)", one(g.source, "contains", "intersects", "equivalent"), g.list(d), g.list(d))
	case 3:
		return g.library(depth)
	case 4:
		return fmt.Sprintf("has(%s.%s)", g.object(d), one(g.source, "name", "a", "absent", "labels"))
	case 5:
		return g.optional(d) + ".hasValue()"
	case 6:
		return fmt.Sprintf("%s in %s", g.text(d), g.object(d))
	default:
		return g.loop2(one(g.source, "all", "exists"), one(g.source, g.list(d), g.object(d)), func() string { return g.truth(d) })
	}
}

// library makes a question to one of Kubernetes' libraries.
func (g *generator) library(depth int) string {
	text := g.text(depth - 1)
	return fmt.Sprintf(one(g.source,
		"isQuantity(%s)", "quantity(%s).isLessThan(quantity('1Gi'))", "quantity(%s).compareTo(quantity('512Mi')) == 0",
		"quantity(%s).add(quantity('1')).isInteger()", "isURL(%s)", "url(%s).getHostname() == 'shop.example.com'",
		"url(%s).getQuery().size() == 1", "isIP(%s)", "ip(%s).family() == 4", "ip(%s).isGlobalUnicast()", "isCIDR(%s)",
		"cidr(%s).prefixLength() == 8", "cidr('10.0.0.0/8').containsIP(%s)", "isSemver(%s)", "semver(%s).major() == 1",
		"semver('2.0.0').isLessThan(semver(%s))", "format.dns1123Label().validate(%s).hasValue()",
		"!format.named('uri').value().validate(%s).hasValue()", "%s.find('[0-9.]+$') == '1.4.2'", "%s.findAll('[a-z]+').size() == 3",
		"ip.isCanonical(%s)", "duration(%s) > duration('1s')", "timestamp(%s) < timestamp('2030-01-01T00:00:00Z')",
	), text)
}

func (g *generator) number(depth int) string {
	if depth <= 0 {
		return one(g.source, "0", "3", "1.5", "object.spec.replicas", "object.spec.ratio", "params.max", "variables.three",
			"oldObject.spec.replicas", "object.spec.ports[0]", "object.spec.any")
	}
	d := depth - 1
	switch g.n(9) {
	case 0:
		return fmt.Sprintf("(%s %s %s)", g.number(d), one(g.source, "+", "-", "*", "/", "%"), g.number(d))
	case 1:
		return fmt.Sprintf("size(%s)", one(g.source, g.list(d), g.text(d), g.object(d)))
	case 2:
		return fmt.Sprintf("%s.size()", g.list(d))
	case 3:
		return fmt.Sprintf("int(%s)", one(g.source, g.text(d), g.number(d)))
	case 4:
		return fmt.Sprintf("%s[%s]", g.list(d), g.number(d))
	case 5:
		return fmt.Sprintf("%s.orValue(%s)", g.optional(d), g.number(d))
	case 6:
		return fmt.Sprintf("object.spec.ports.%s", one(g.source, "sum()", "min()", "max()", "indexOf(443)", "lastIndexOf(80)"))
	case 7:
		return fmt.Sprintf("%s.indexOf(%s)", g.text(d), g.text(d))
	default:
		return fmt.Sprintf("-(%s)", g.number(d))
	}
}

func (g *generator) text(depth int) string {
	if depth <= 0 {
		return one(g.source, "''", "'a'", "'payments'", "'^[a-z]+$'", "object.spec.image", "object.spec.text", "object.metadata.name",
			"request.namespace", "request.userInfo.username", "params.prefix", "namespaceObject.metadata.name", "variables.image",
			"object.spec.memory", "object.spec.host", "object.spec.address", "object.spec.version", "variables.map['a']",
			"object.metadata.labels.team", "string(object.spec.replicas)", "request.operation", "object.kind")
	}
	d := depth - 1
	switch g.n(10) {
	case 0:
		return fmt.Sprintf("(%s + %s)", g.text(d), g.text(d))
	case 1:
		return fmt.Sprintf("string(%s)", g.any(d))
	case 2:
		return fmt.Sprintf("%s.%s", g.text(d), one(g.source, "lowerAscii()", "upperAscii()", "trim()", "charAt(0)", "substring(1)",
			"substring(1, 3)", "replace('a', 'bb')", "find('[a-z]+')"))
	case 3:
		return fmt.Sprintf("(%s ? %s : %s)", g.truth(d), g.text(d), g.text(d))
	case 4:
		return fmt.Sprintf("%s.join(%s)", g.list(d), one(g.source, "", "','", "'\\n'"))
	case 5:
		return fmt.Sprintf("%s.orValue(%s)", g.optional(d), g.text(d))
	case 6:
		return fmt.Sprintf("'%%s and %%v'.format([%s, %s])", g.text(d), g.number(d))
	case 7:
		return fmt.Sprintf("%s[%s]", g.object(d), one(g.source, "'team'", "'a'", "'1'"))
	default:
		return g.text(0)
	}
}

func (g *generator) list(depth int) string {
	if depth <= 0 {
		return one(g.source, "[]", "[1, 2, 3]", "['a', 'payments']", "object.spec.ports", "object.spec.hosts", "object.spec.env",
			"object.spec.mixed", "params.names", "request.userInfo.groups", "variables.list", "variables.names", "variables.nested",
			"object.spec.any")
	}
	d := depth - 1
	switch g.n(9) {
	case 0:
		return fmt.Sprintf("[%s, %s]", g.any(d), g.any(d))
	case 1:
		return fmt.Sprintf("(%s + %s)", g.list(d), g.list(d))
	case 2:
		return g.loop("map", g.list(d), func() string { return g.any(d) })
	case 3:
		return g.loop("filter", g.list(d), func() string { return g.truth(d) })
	case 4:
		return fmt.Sprintf("%s.split(%s)", g.text(d), one(g.source, "'.'", "''", "','"))
	case 5:
		return g.loop2("transformList", g.list(d), func() string { return g.any(d) })
	case 6:
		return fmt.Sprintf("%s.%s", g.list(d), one(g.source, "sort()", "distinct()", "reverse()", "slice(0, 1)", "flatten()"))
	default:
		return g.list(0)
	}
}

func (g *generator) object(depth int) string {
	if depth <= 0 {
		return one(g.source, "{}", "{'a': 1}", "object", "object.spec", "object.spec.tree", "object.metadata.labels", "variables.map",
			"params.limits", "oldObject", "object.spec.tree.a", "object.spec.env[0]", "params")
	}
	d := depth - 1
	switch g.n(5) {
	case 0:
		return fmt.Sprintf("{%s: %s}", g.text(d), g.any(d))
	case 1:
		return g.loop2("transformMap", g.object(d), func() string { return g.any(d) })
	case 2:
		return fmt.Sprintf("%s.orValue({})", g.optional(d))
	default:
		return g.object(0)
	}
}

func (g *generator) optional(depth int) string {
	return one(g.source,
		"object.?spec.?absent", "object.?spec.?replicas", "object.spec[?'image']", "object.spec.ports[?0]", "variables.optional",
		"optional.of("+g.any(depth-1)+")", "optional.ofNonZeroValue("+g.any(depth-1)+")", "optional.none()",
		"object.?metadata.?labels.?team", g.object(depth-1)+".?a", "object.?spec.?tree.optMap(t, t.a)", "oldObject.?spec.?image")
}

func (g *generator) any(depth int) string {
	if len(g.locals) > 0 && g.n(2) == 0 {
		return one(g.source, g.locals...)
	}
	switch g.n(7) {
	case 0:
		return g.truth(depth)
	case 1:
		return g.number(depth)
	case 2:
		return g.list(depth)
	case 3:
		return g.object(depth)
	case 4:
		return one(g.source, "null", "object.spec.nothing", "object.spec.mixed[2]", "variables.failing", "object.spec.any", "type(1)",
			"b'bytes'", "1u", "duration('1h')")
	default:
		return g.text(depth)
	}
}

// loop makes a macro of one variable.
func (g *generator) loop(macro, list string, body func() string) string {
	return g.within(1, func(names []string) string {
		return fmt.Sprintf("%s.%s(%s, %s)", list, macro, names[0], body())
	})
}

// loop2 makes a macro of two variables.
func (g *generator) loop2(macro, list string, body func() string) string {
	return g.within(2, func(names []string) string {
		return fmt.Sprintf("%s.%s(%s, %s)", list, macro, strings.Join(names, ", "), body())
	})
}

func (g *generator) within(n int, write func(names []string) string) string {
	before := len(g.locals)
	for range n {
		g.locals = append(g.locals, "v"+strconv.Itoa(len(g.locals)))
	}
	text := write(g.locals[before:])
	g.locals = g.locals[:before]
	return text
}
