package expression

import "testing"

func BenchmarkNewEnvironment(b *testing.B) {
	s := testSchema()
	newEnvironment(b, s) // the base environment is built once for the process
	b.ReportAllocs()
	for b.Loop() {
		newEnvironment(b, s)
	}
}

func BenchmarkCompile(b *testing.B) {
	env := newEnvironment(b, testSchema())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := env.Compile("${project.parameters.size}-${object.spec.name}"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	env := newEnvironment(b, testSchema())
	for _, test := range []struct {
		name  string
		value any
	}{
		{"constant", map[string]any{"size": "small"}},
		{"field", "${project.parameters.size}"},
		{"text", "${project.name}-${object.spec.name}"},
		{"doubles", "${object.spec.ratio * 2.0}"},
		{"tree", map[string]any{"a": "${project.owner}", "b": []any{"${namespace.name}", "x"}}},
	} {
		b.Run(test.name, func(b *testing.B) {
			template, err := env.Compile(test.value)
			if err != nil {
				b.Fatal(err)
			}
			variables := testVariables()
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := template.Evaluate(variables); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
