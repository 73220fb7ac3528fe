package cel

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const (
	// expensive costs more than 100,000 on the large object: the product of the lengths of two texts.
	expensive = "!has(object.spec.text) || object.spec.text.contains(object.spec.text)"
	ten       = "[1,2,3,4,5,6,7,8,9,10]"
)

// bomb costs more than one expression may.
func bomb() string {
	expression := "a + b + c + d + e + f > 0"
	for _, name := range strings.Split("f e d c b a", " ") {
		expression = ten + ".all(" + name + ", " + expression + ")"
	}
	return expression
}

// generated are expressions made of fields and of what can be asked of them.
func generated() []string {
	fields := []string{
		"object.spec.replicas", "object.spec.ratio", "object.spec.image", "object.spec.public", "object.spec.nothing",
		"object.spec.tags", "object.spec.ports", "object.spec.resources", "object.spec.env", "object.spec.absent",
		"object.spec.absent.deeper", "object.spec.size", "object.metadata.labels", "object.metadata.name",
		"oldObject.spec.replicas", "oldObject.spec.ports", "params.max", "params.names", "params.nested.deep",
		"namespaceObject.metadata.labels",
		"namespaceObject.metadata.name", "request.userInfo.groups", "request.operation",
	}
	questions := []string{
		"%s == 5", "%s > 3", "%s < 5.5", "%s != 'x'", "%s == null", "has(%s)", "size(%s) > 1", "'team' in %s", "5 in %s",
		"%s in [1, 5, 80]", "%s in ['web', 'stored']", "%s.all(x, x != 80)", "%s.exists(x, x == 'web')",
		"%s.exists_one(x, x == 80)",
		"%s.map(x, x).size() == 2", "%s.filter(x, x != 80).size() == 1", "string(%s) == '5'", "int(%s) > 2", "double(%s) > 0.4",
		"bool(%s)", "type(%s) == string", "%s.startsWith('reg')", "%[1]s == %[1]s", "%[1]s + %[1]s != 10", "-%s < 0", "!%s",
		"%s[0] == 80", "%s['team'] == 'payments'", "{'k': %s}.k == 5", "[%s].size() == 1", "(%s == 5) || true", "(%s == 5) && false",
		"%s == 5 ? true : false", "%s.matches('^[a-z]+')", "dyn(%s) == dyn(5)", "%s == [80, 443]", "%s == {'team': 'payments'}",
	}
	var list []string
	for _, field := range fields {
		for _, question := range questions {
			list = append(list, fmt.Sprintf(question, field))
		}
		optional := strings.ReplaceAll(field, ".", ".?")
		list = append(list, optional+".hasValue()", optional+".orValue(5) == 5",
			optional+".optMap(x, x == 5).orValue(false)", "optional.ofNonZeroValue("+field+").hasValue()")
	}
	return list
}

// expressions are about everything else: libraries, macros, names that are keywords, the authorizer.
//
//go:embed testdata/expressions.txt
var expressions string

// written are the expressions of testdata, and those that cost too much.
func written() []string {
	list := []string{bomb(), "(" + bomb() + ") || true", "false && (" + bomb() + ")", expensive}
	for line := range strings.Lines(expressions) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

// policy is a test case: what a ValidatingAdmissionPolicy and a Guardrail have in common.
type policy struct {
	name       string
	conditions []v1alpha1.MatchCondition
	v1alpha1.CELPolicy
}

func validationsOf(expressions ...string) []v1alpha1.CELValidation {
	list := make([]v1alpha1.CELValidation, len(expressions))
	for i := range expressions {
		list[i] = v1alpha1.CELValidation{Expression: expressions[i]}
	}
	return list
}

// repeated are expressions that differ in nothing but their message.
func repeated(expression string, times int) []v1alpha1.CELValidation {
	list := make([]v1alpha1.CELValidation, times)
	for i := range list {
		list[i] = v1alpha1.CELValidation{Expression: expression, Message: fmt.Sprintf("check %d", i)}
	}
	return list
}
