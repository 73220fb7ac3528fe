package crds

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// covered checks that among the causes each rule of a kind's schema has refused something: CEL rules, patterns, enumerations,
// required fields, sets and list map keys. Thus nobody adds a rule without seeing what the API server makes of it.
func covered(t *testing.T, plural string, causes []metav1.StatusCause) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(definitions, "bases", "kroguard.io_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &crd); err != nil {
		t.Fatal(err)
	}
	var want []string
	collectRules("", crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &want)
	if len(want) == 0 {
		t.Fatalf("no rules found in the CRD of %s", plural)
	}
	got := map[string]bool{}
	for _, cause := range causes {
		got[ruleOf(cause)] = true
	}
	missing := slices.DeleteFunc(want, func(rule string) bool { return got[rule] })
	if diff := cmp.Diff([]string{}, missing); diff != "" {
		t.Errorf("rules that no case is refused by (-none +missing):\n%s", diff)
	}
}

// The words for rules that collectRules and ruleOf share.
const (
	ruleRequired  = "required"
	rulePattern   = "pattern"
	ruleEnum      = "enum"
	ruleDuplicate = "duplicate"
)

// collectRules adds the rules of a schema, each as "field: rule", where [] stands for any index or key, and a CEL rule for its
// message. Conditions and label selectors are Kubernetes' own.
func collectRules(path string, s *apiextensionsv1.JSONSchemaProps, rules *[]string) {
	add := func(path, rule string) { *rules = append(*rules, strings.TrimPrefix(path, ".")+": "+rule) }
	for _, rule := range s.XValidations {
		add(path+rule.FieldPath, rule.Message)
	}
	for _, field := range s.Required {
		add(path+"."+field, ruleRequired)
	}
	if s.Pattern != "" {
		add(path, rulePattern)
	}
	if len(s.Enum) > 0 {
		add(path, ruleEnum)
	}
	if s.XListType != nil && *s.XListType != "atomic" {
		add(path+"[]", ruleDuplicate)
	}
	for name, property := range s.Properties {
		if name != "status" && name != "selector" && !strings.HasSuffix(name, "Selector") {
			collectRules(path+"."+name, &property, rules)
		}
	}
	if s.Items != nil {
		collectRules(path+"[]", s.Items.Schema, rules)
	}
	if s.AdditionalProperties != nil {
		collectRules(path+"[]", s.AdditionalProperties.Schema, rules)
	}
}

var index = regexp.MustCompile(`\[[^]]*\]`)

// ruleOf is the rule that a cause is about, as collectRules writes it.
func ruleOf(cause metav1.StatusCause) string {
	field := index.ReplaceAllString(cause.Field, "[]") + ": "
	switch {
	case cause.Type == metav1.CauseTypeFieldValueRequired:
		return field + ruleRequired
	case cause.Type == metav1.CauseTypeFieldValueNotSupported:
		return field + ruleEnum
	case cause.Type == metav1.CauseTypeFieldValueDuplicate:
		return field + ruleDuplicate
	case strings.Contains(cause.Message, "in body should match"):
		return field + rulePattern
	default:
		return field + strings.TrimPrefix(cause.Message, "Invalid value: ")
	}
}
