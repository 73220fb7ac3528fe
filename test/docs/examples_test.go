package docs

import (
	"strings"
	"testing"
)

// guardrail is one that refuses debug logging.
const guardrail = "```yaml\napiVersion: kroguard.io/v1alpha1\nkind: Guardrail\nmetadata: {name: no-debug}\nspec:\n  cel:\n" +
	"    validations:\n      - expression: object.spec.logging.level != 'debug'\n        message: no debug\n```\n"

// instance is one with a level of logging.
func instance(marker, level string) string {
	return "<!-- " + marker + " -->\n```yaml\napiVersion: kro.run/v1alpha1\nkind: WebApp\nmetadata: {name: shop, namespace: payments-dev}\n" +
		"spec: {image: x, logging: {level: " + level + "}}\n```\n"
}

func text(answer string) string { return "```text\n" + answer + "\n```\n" }

// TestExamplesThatAreNotTrueAreFound: what the checks above would overlook, were they not to look.
func TestExamplesThatAreNotTrueAreFound(t *testing.T) {
	const refusal = "guardrail no-debug: WebApp/shop: no debug."
	tests := map[string]struct {
		page string
		// want is part of the one problem; empty where there is none.
		want string
	}{
		"a true page has no problem":   {guardrail + instance("answered", "debug") + text(refusal), ""},
		"a message may be wrapped":     {guardrail + instance("answered", "debug") + text("guardrail no-debug:\n  WebApp/shop: no debug."), ""},
		"an answer in other words":     {guardrail + instance("answered", "debug") + text("guardrail no-debug: it is"), "the answer lacks"},
		"an answer that says more":     {guardrail + instance("answered", "debug") + text(refusal+" Really."), "doesn't say: Really."},
		"an answer where there's none": {guardrail + instance("answered", "info") + text(refusal), "neither refuses"},
		"no answer at all":             {guardrail + instance("answered", "debug"), "no text block"},
		"an unknown comment":           {instance("unheard-of", "info"), "nobody knows"},
		"an instance that the schema refuses": {
			strings.TrimPrefix(instance("answered", "loud"), "<!-- answered -->\n"), "Unsupported value",
		},
		"an instance of an unknown kind": {
			"```yaml\napiVersion: kro.run/v1alpha1\nkind: WepApp\nmetadata: {name: a, namespace: payments-dev}\n```\n", "no ResourceGraphDefinition",
		},
		"an instance that is stored otherwise": {
			guardrail + instance("answered", "debug") + text(refusal) + "<!-- stored -->\n```yaml\nspec: {image: y}\n```\n", "stored otherwise",
		},
		"an input of which something is left out": {
			guardrail + instance("answered", "debug") + text(refusal) + "<!-- input -->\n```json\n" +
				`{"parameters":{},"review":"...","instance":"...","project":"...","offering":"..."}` + "\n```\n", "",
		},
		"an input that is another one": {
			guardrail + instance("answered", "debug") + text(refusal) + "<!-- input -->\n```json\n{\"parameters\":{}}\n```\n", "the input is another one",
		},
		"an unknown field":            {strings.Replace(guardrail, "message:", "mesage:", 1), `unknown field "mesage"`},
		"a value outside the schema":  {strings.Replace(guardrail, "  cel:", "  severity: high\n  cel:", 1), "Unsupported value"},
		"CEL that does not compile":   {strings.Replace(guardrail, "!= 'debug'", "!=", 1), "line 1, column"},
		"annotations that are wrong":  {"```yaml\nkroguard.io/catalog: maybe\n```\n", `"maybe" is neither`},
		"annotations that are right":  {"```yaml\nkroguard.io/catalog: \"true\"\nknodex.io/title: A web app\n```\n", ""},
		"a repeated key":              {"```yaml\nkroguard.io/title: a\nkroguard.io/title: b\n```\n", "already set"},
		"metadata of an RGD":          {"```yaml\nmetadata: {annotations: {kroguard.io/catalog: \"true\"}}\n```\n", ""},
		"metadata that is wrong":      {"```yaml\nmetadata: {annotations: {kroguard.io/catalog: maybe}}\n```\n", `"maybe" is neither`},
		"a fragment":                  {"```yaml\nspec: {replicas: 1}\n```\n", "neither an object of a known kind"},
		"a kind that nobody knows":    {"```yaml\napiVersion: kroguard.io/v1alpha1\nkind: Guardrial\n```\n", "neither an object of a known kind"},
		"what is no YAML":             {"```yaml\na: b: c\n```\n", "mapping values are not allowed"},
		"an exception for everything": {"```yaml\napiVersion: kroguard.io/v1alpha1\nkind: GuardrailException\nmetadata: {name: a}\nspec: {guardrails: [a], match: {}, expiresAt: \"2099-01-01T00:00:00Z\", reason: because I say, approvedBy: me}\n```\n", "say for which instances"},
		"a project with a bad selector": {
			"```yaml\napiVersion: kroguard.io/v1alpha1\nkind: Project\nmetadata: {name: a}\nspec: {owner: a, namespaces: {selector: {matchLabels: {a: \"b c\"}}}}\n```\n", "refused",
		},
	}
	p := platform(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			problems := p.CheckExamples(t.Context(), Read("page.md", test.page))
			switch {
			case test.want == "":
				report(t, problems)
			case len(problems) != 1 && !strings.Contains(test.want, "lacks"):
				t.Errorf("%d problems, want one: %v", len(problems), problems)
			case len(problems) == 0 || !strings.Contains(problems[0].Text, test.want):
				t.Errorf("problems are %v, want %q", problems, test.want)
			}
		})
	}
}
