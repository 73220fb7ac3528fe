package policies_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kroguard/kroguard/policies"
)

func TestAViolationReadsAsASentence(t *testing.T) {
	tests := map[string]struct {
		violation policies.Violation
		want      string
	}{
		"all that there is": {
			violation: policies.Violation{
				Guardrail: "replica-limit", Resource: shop(), Field: ".spec.replicas", Reason: "TooMany", Message: "at most 3.",
				Remediation: "Lower it.", DocsURL: "https://example.com/replicas",
			},
			want: "guardrail replica-limit: WebApp/shop, field .spec.replicas: at most 3 (TooMany). What to do: Lower it. " +
				"See https://example.com/replicas",
		},
		"as little as there may be": {
			violation: policies.Violation{Guardrail: "g", Resource: policies.ResourceRef{Kind: "WebApp"}, Message: "no"},
			want:      "guardrail g: WebApp: no.",
		},
		"waived": {
			violation: policies.Violation{Guardrail: "g", Resource: shop(), Message: "no", Exception: "e"},
			want:      "guardrail g: WebApp/shop: no. Waived by exception e.",
		},
		"a guardrail that failed is named once": {
			violation: failed(couldNot + "it went wrong"),
			want:      "WebApp/shop: " + couldNot + "it went wrong (GuardrailEvaluationFailed).",
		},
		"control characters become spaces": {
			violation: policies.Violation{Guardrail: "g", Resource: shop(), Message: "a\r\n\tb\x1b[31mc\u202ed\u2028e\x00f\xff"},
			want:      "guardrail g: WebApp/shop: a b [31mc d e f\uFFFD.",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.violation.String(); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
			if got := policies.Render([]policies.Violation{test.violation}); got != test.want {
				t.Errorf("rendered:\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestSeveralViolationsAreNumbered(t *testing.T) {
	if got := policies.Render(nil); got != "" {
		t.Errorf("none: got %q", got)
	}
	got := policies.Render([]policies.Violation{
		{Guardrail: "a", Resource: shop(), Message: "no"}, {Guardrail: "b", Resource: shop(), Message: "never"},
	})
	const want = "2 violations:\n  [1] guardrail a: WebApp/shop: no.\n  [2] guardrail b: WebApp/shop: never."
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestWhatIsTooLongIsCutAndSaysSo(t *testing.T) {
	long := policies.Violation{Guardrail: "g", Resource: shop(), Message: strings.Repeat("é", policies.MaxMessageBytes/2)}
	list := make([]policies.Violation, 50)
	for i := range list {
		list[i] = long
	}
	got := policies.Render(list)
	if len(got) > policies.MaxRenderBytes || !utf8.ValidString(got) {
		t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
	}
	if want := "45 more violations are not shown."; !strings.HasSuffix(got, want) {
		t.Errorf("got ...%s, want ...%s", got[len(got)-60:], want)
	}

	driver := &scripted{policies: map[string]evaluate{"g": says(policies.Finding{
		Message: strings.Repeat("é", policies.MaxMessageBytes), Field: strings.Repeat("f", 2*policies.MaxFieldBytes),
	})}}
	denied := judge(t, driver, review(), nil, guardrail("g")).Denied[0]
	if want := strings.Repeat("é", (policies.MaxMessageBytes-3)/2) + "…"; denied.Message != want {
		t.Errorf("message: %d bytes", len(denied.Message))
	}
	if len(denied.Field) != policies.MaxFieldBytes {
		t.Errorf("field: %d bytes", len(denied.Field))
	}
}

func TestNoPolicyCanMakeFluxRecreateAnObject(t *testing.T) {
	tests := map[string]string{
		"spec.size is immutable":             "spec.size is unchangeable",
		"an immutable field":                 "an unchangeable field",
		"is immutable field is\nimmutable":   "is unchangeable field is unchangeable",
		"is\u0000immutable":                  "is unchangeable",
		"This Immutable\tFields":             "This unchangeable Fields",
		"IS IMMUTABLE":                       "IS unchangeable",
		"is immutable immutable field":       "is unchangeable unchangeable field",
		"immutable fiel immutable":           "immutable fiel immutable",
		"an immutable value, is not mutable": "an immutable value, is not mutable",
		"is immutably set":                   "is immutably set",
		"immutable":                          "immutable",
	}
	for message, want := range tests {
		t.Run(message, func(t *testing.T) {
			driver := &scripted{policies: map[string]evaluate{"g": says(policies.Finding{Message: message})}}
			denied := judge(t, driver, review(), nil, guardrail("g")).Denied
			if denied[0].Message != want {
				t.Errorf("got %q, want %q", denied[0].Message, want)
			}
			fluxWouldKeep(t, policies.Render(denied))
		})
	}
}

var fluxTriggers = []*regexp.Regexp{regexp.MustCompile(`is\simmutable`), regexp.MustCompile(`immutable\sfield`)}

// fluxWouldKeep checks a text by the expressions that Flux has.
func fluxWouldKeep(t *testing.T, text string) {
	t.Helper()
	for _, trigger := range fluxTriggers {
		if trigger.MatchString(text) {
			t.Errorf("%q matches %s", text, trigger)
		}
	}
}

// FuzzRender puts hostile text into every place that a policy or a person may fill.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{"is immutable", "immutable", "field", "is", "\x00\xff\u202e", strings.Repeat("é", 6000), "a\nb", " is\u00a0immutable"} {
		f.Add(seed, seed, "x")
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		resource := policies.ResourceRef{Kind: b, Name: c}
		text := policies.Render([]policies.Violation{
			{Guardrail: a, Resource: resource, Message: b, Field: c, Reason: a, Remediation: b, DocsURL: c, Exception: a},
			{Guardrail: c, Resource: resource, Message: a, Remediation: c},
		})
		fluxWouldKeep(t, text)
		if len(text) > policies.MaxRenderBytes || !utf8.ValidString(text) {
			t.Errorf("%d bytes, valid %v", len(text), utf8.ValidString(text))
		}
		if lines := strings.Split(text, "\n"); len(lines) > 3 || strings.ContainsFunc(strings.Join(lines, ""), unicode.IsControl) {
			t.Errorf("%q has control characters besides the two before its items", text)
		}
	})
}
