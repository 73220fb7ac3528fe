package expression

import (
	"strings"
	"testing"
)

func TestRename(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"the variable", "namespace.name", "@.name"},
		{"after operators and in calls", "a+namespace.x ? f(namespace) : [namespace]", "a+@.x ? f(@) : [@]"},
		{"the condition's branch", "a ?namespace.name : b", "a ?@.name : b"},
		{"not a field", "object.metadata.namespace", "object.metadata.namespace"},
		{"not an optional field", "object.?namespace", "object.?namespace"},
		{"not a field after white space", "object. \n namespace", "object. \n namespace"},
		{"not part of a name", "namespaces + my_namespace", "namespaces + my_namespace"},
		{"not in strings", `"namespace" + 'namespace' + r"\" + namespace`, `"namespace" + 'namespace' + r"\" + @`},
		{"not after an escaped quote", `"\"namespace" + namespace`, `"\"namespace" + @`},
		{"not in long strings", `'''it's namespace''' + """a "namespace" b"""`, `'''it's namespace''' + """a "namespace" b"""`},
		{"not in backticks", "object.`namespace` + namespace.name", "object.`namespace` + @.name"},
		{"not in comments", "1 // namespace\n + namespace.size", "1 // namespace\n + @.size"},
		{"a string that doesn't end", `'namespace`, `'namespace`},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := strings.ReplaceAll(test.want, "@", variableNamespaceInCEL)
			if got := rename(test.source); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// Error columns are those of the source that the user wrote.
func TestRenameKeepsPositions(t *testing.T) {
	if got, want := len(variableNamespaceInCEL), len(variableNamespace); got != want {
		t.Errorf("got %d bytes, want %d", got, want)
	}
}
