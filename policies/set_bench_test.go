package policies_test

import (
	"context"
	"fmt"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// realistic are twelve guardrails as platform teams write them.
func realistic() []v1alpha1.CELPolicy {
	one := func(expression, message string) v1alpha1.CELPolicy {
		return v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: expression, Message: message}}}
	}
	return []v1alpha1.CELPolicy{
		one("object.spec.replicas <= 10", "at most 10 replicas"),
		one("object.spec.image.matches('^registry[.]example[.]com/[a-z/-]+:[0-9.]+$')", "use the company's registry and a version"),
		one("!object.spec.image.endsWith(':latest')", "no latest"),
		one("quantity(object.spec.resources.memory).compareTo(quantity('4Gi')) <= 0", "at most 4Gi"),
		one("object.spec.env.all(e, has(e.value) != has(e.secret))", "a value or a secret"),
		one("!object.spec.env.exists(e, e.name.contains('PASSWORD') && has(e.value))", "passwords are secrets"),
		one("'team' in object.metadata.labels && object.metadata.labels['team'] == project.name", "label it with your team"),
		one("namespaceObject.metadata.labels[?'env'].orValue('') != 'prod' || object.spec.replicas >= 2", "two replicas in production"),
		one("object.spec.ingress.hosts.all(h, h.endsWith('.example.com'))", "hosts below example.com"),
		one("request.operation != 'UPDATE' || object.spec.region == oldObject.spec.region", "the region stays"),
		{
			Variables: []v1alpha1.CELVariable{
				{Name: "max", Expression: "params.?maxReplicas.orValue(8)"},
				{Name: "wanted", Expression: "object.spec.replicas"},
			},
			Validations: []v1alpha1.CELValidation{{
				Expression:        "variables.wanted <= variables.max",
				MessageExpression: "'at most ' + string(variables.max)",
			}},
		},
		one("!request.userInfo.groups.exists(g, g == 'contractors') || !object.spec.ingress.public", "contractors publish nothing"),
	}
}

// webApp is an instance of usual size: some 3 KiB of JSON.
func webApp() map[string]any {
	object := review().Object
	env := make([]any, 20)
	for i := range env {
		env[i] = map[string]any{"name": fmt.Sprintf("SETTING_%d", i), "value": "some value of usual length"}
	}
	object["metadata"].(map[string]any)["labels"] = map[string]any{"team": "payments", "tier": "web"}
	object["spec"] = map[string]any{
		"replicas":  int64(3),
		"region":    "eu-1",
		"image":     "registry.example.com/payments/shop:1.4.2",
		"resources": map[string]any{"cpu": "500m", "memory": "512Mi"},
		"env":       env,
		"ingress":   map[string]any{"public": true, "hosts": []any{"shop.example.com", "www.example.com"}},
	}
	return object
}

// fiftyGuardrails are the realistic ones, in turn.
func fiftyGuardrails(m v1alpha1.GuardrailMatch) []*v1alpha1.Guardrail {
	distinct := realistic()
	list := make([]*v1alpha1.Guardrail, 50)
	for i := range list {
		list[i] = guardrail(fmt.Sprintf("g-%02d", i), match(m))
		list[i].Spec.CEL = &distinct[i%len(distinct)]
		list[i].Spec.Params = &apiextensionsv1.JSON{Raw: []byte(`{"maxReplicas":5}`)}
	}
	return list
}

func celCompiler(tb testing.TB) *policies.Compiler {
	tb.Helper()
	driver, err := cel.New()
	if err != nil {
		tb.Fatal(err)
	}
	return policies.NewCompiler(driver, driver)
}

// BenchmarkSetEvaluate is a whole review by 50 guardrails in CEL, the input's form for CEL included.
func BenchmarkSetEvaluate(b *testing.B) {
	options := review()
	options.Object = webApp()
	options.Project = map[string]any{"name": "payments"}
	options.Request.UserInfo.Groups = []string{"developers", "system:authenticated"}
	refused := review()
	refused.Object = webApp()
	refused.Object["spec"].(map[string]any)["replicas"] = int64(50)
	refused.Project, refused.Request = options.Project, options.Request

	here := v1alpha1.GuardrailMatch{InstanceMatch: v1alpha1.InstanceMatch{Offerings: names("web*")}}
	elsewhere := v1alpha1.GuardrailMatch{InstanceMatch: v1alpha1.InstanceMatch{Offerings: names("db", "cache-*")}}
	cases := []struct {
		name    string
		match   v1alpha1.GuardrailMatch
		options policies.InputOptions
		denied  int
	}{
		{"none matches", elsewhere, options, 0},
		{"all match and hold", here, options, 0},
		{"all match and some refuse", here, refused, 9},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			set := celCompiler(b).Compile(context.Background(), fiftyGuardrails(c.match), nil)
			ctx, now := context.Background(), noon()
			b.ReportAllocs()
			for b.Loop() {
				verdict := set.Evaluate(ctx, policies.NewInput(c.options), now)
				if len(verdict.Denied) != c.denied || len(verdict.Ignored) > 0 {
					b.Fatalf("denied %d, want %d: %s", len(verdict.Denied), c.denied, policies.Render(verdict.Denied))
				}
			}
		})
	}
}

// BenchmarkCompile is what a change of the configuration costs: all guardrails anew, and all unchanged.
func BenchmarkCompile(b *testing.B) {
	guardrails := fiftyGuardrails(v1alpha1.GuardrailMatch{})
	for i, g := range guardrails {
		g.UID, g.Generation = "uid", int64(i+1)
	}
	ctx := context.Background()
	b.Run("50 new", func(b *testing.B) {
		compiler := celCompiler(b)
		b.ReportAllocs()
		for b.Loop() {
			compiler.Compile(ctx, nil, nil)
			compiler.Compile(ctx, guardrails, nil)
		}
	})
	b.Run("50 unchanged", func(b *testing.B) {
		compiler := celCompiler(b)
		b.ReportAllocs()
		for b.Loop() {
			compiler.Compile(ctx, guardrails, nil)
		}
	})
}

// elsewhere are match rules of guardrails for others, of every sort.
func elsewhere() []v1alpha1.GuardrailMatch {
	type instance = v1alpha1.InstanceMatch
	return []v1alpha1.GuardrailMatch{
		{InstanceMatch: instance{Offerings: names("db", "cache-*")}},
		{InstanceMatch: instance{Projects: names("search", "ads-?")}},
		{InstanceMatch: instance{Namespaces: names("*-test")}},
		{NamespaceSelector: labelSelector("env", "test")},
		{Operations: []v1alpha1.Operation{"UPDATE"}},
		{Excludes: []instance{{Offerings: names("web*")}}},
	}
}

// BenchmarkNotMatching is a review by guardrails that are not for it: for what comes from other places, and for instances of the same
// place that have another name or other labels.
func BenchmarkNotMatching(b *testing.B) {
	options := review()
	options.Object = webApp()
	for _, c := range []struct {
		name   string
		of     []v1alpha1.GuardrailMatch
		number int
	}{
		{"none", nil, 0},
		{"1000 by place", elsewhere(), 1000},
		{"1000 by name", []v1alpha1.GuardrailMatch{{InstanceMatch: v1alpha1.InstanceMatch{Names: names("cart", "blog")}}}, 1000},
		{"1000 by label", []v1alpha1.GuardrailMatch{{ObjectSelector: labelSelector("tier", "db")}}, 1000},
	} {
		b.Run(c.name, func(b *testing.B) {
			list := make([]*v1alpha1.Guardrail, c.number)
			for i := range list {
				list[i] = guardrail(fmt.Sprintf("g-%04d", i), match(c.of[i%len(c.of)]))
			}
			set := policies.NewCompiler(nil, &scripted{}).Compile(context.Background(), list, nil)
			in, ctx, now := policies.NewInput(options), context.Background(), noon()
			b.ReportAllocs()
			for b.Loop() {
				if !set.Evaluate(ctx, in, now).Allowed() {
					b.Fatal("one matched")
				}
			}
		})
	}
}
