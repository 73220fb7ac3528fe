package rego_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// benchmarkPolicies are policies as platform teams write them; about half of them find something in webApp.
func benchmarkPolicies() []string {
	return []string{
		`package required_labels
deny contains {"msg": msg, "field": ".metadata.labels"} if {
	some label in input.parameters.labels
	not input.review.object.metadata.labels[label]
	msg := sprintf("label %q is required", [label])
}`,
		`package replicas
deny contains {"msg": msg, "field": ".spec.replicas"} if {
	limit := input.project.parameters.maxReplicas
	input.review.object.spec.replicas > limit
	msg := sprintf("%d replicas, project %s may have %d", [input.review.object.spec.replicas, input.project.name, limit])
}`,
		`package registries
deny contains msg if {
	image := input.review.object.spec.image
	not allowed(image)
	msg := sprintf("image %s comes from none of %s", [image, concat(", ", input.parameters.registries)])
}
allowed(image) if {
	some registry in input.parameters.registries
	startswith(image, registry)
}`,
		`package tag
deny contains "give the image a tag other than latest" if {
	image := input.review.object.spec.image
	tag := [t | some i, t in split(image, ":"); i == 1][0]
	tag == "latest"
}`,
		`package secrets
deny contains {"msg": msg, "field": field, "details": {"name": env.name}} if {
	some i, env in input.review.object.spec.env
	regex.match("(?i)(password|secret|token)", env.name)
	env.value
	msg := sprintf("%s holds a secret: use a Secret", [env.name])
	field := sprintf(".spec.env[%d].value", [i])
}`,
		`package hosts
deny contains msg if {
	host := input.review.object.spec.host
	every suffix in input.parameters.suffixes { not endswith(host, suffix) }
	msg := sprintf("host %s is outside of %v", [host, input.parameters.suffixes])
}`,
		`package memory
deny contains msg if {
	wanted := units.parse_bytes(input.review.object.spec.memory)
	wanted > units.parse_bytes(input.parameters.memory)
	msg := sprintf("memory %s is more than %s", [input.review.object.spec.memory, input.parameters.memory])
}`,
		`package ports
deny contains msg if {
	some port in input.review.object.spec.ports
	port < 1024
	port != 443
	msg := sprintf("port %d is privileged", [port])
}`,
		`package tls
warn contains "ingress has no TLS" if {
	input.review.object.spec.ingress.enabled
	not input.review.object.spec.ingress.tls
}
deny contains "public ingress needs class internal in prod" if {
	input.review.namespaceObject.metadata.labels.env == "prod"
	input.review.object.spec.ingress.class == "external"
}`,
		`package names
deny contains msg if {
	name := input.review.object.metadata.name
	not regex.match(input.parameters.pattern, name)
	msg := sprintf("name %s does not match %s", [name, input.parameters.pattern])
}`,
		`package tickets
violation contains {"msg": "a change in prod needs a ticket", "details": {"annotation": key}} if {
	key := "example.com/ticket"
	input.review.operation == "CREATE"
	not input.review.object.metadata.annotations[key]
}`,
		`package users
deny contains msg if {
	count({g | some g in input.review.userInfo.groups; g in {"developers", "platform"}}) == 0
	msg := sprintf("%s is in no group that may do this", [input.review.userInfo.username])
}`,
	}
}

// benchmarkGuardrails cycles through the policies, each time with other params.
func benchmarkGuardrails(n int) []*v1alpha1.Guardrail {
	all := benchmarkPolicies()
	guardrails := make([]*v1alpha1.Guardrail, n)
	for i := range guardrails {
		params := fmt.Sprintf(`{"labels":["team","env","owner-%d"],"registries":["registry.example.com/","mirror-%d.example.com/"],`+
			`"suffixes":[".example.com",".corp-%d.example"],"memory":"%dMi","pattern":"^[a-z][a-z0-9-]{1,%d}$"}`, i, i, i, 256+i, 20+i)
		guardrails[i] = guardrail(v1alpha1.RegoV1, params, module(all[i%len(all)]))
	}
	return guardrails
}

func compileAll(b *testing.B, guardrails []*v1alpha1.Guardrail) []policies.Program {
	b.Helper()
	driver := rego.New(rego.Options{})
	programs := make([]policies.Program, len(guardrails))
	for i := range guardrails {
		programs[i] = mustCompile(b, driver, guardrails[i])
	}
	return programs
}

// BenchmarkEvaluate is one guardrail on a converted input: what each further guardrail of a review costs.
func BenchmarkEvaluate(b *testing.B) {
	for i, program := range compileAll(b, benchmarkGuardrails(len(benchmarkPolicies()))) {
		b.Run(fmt.Sprintf("policy-%d", i), func(b *testing.B) {
			input := policies.NewInput(review())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := program.Evaluate(context.Background(), input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReview is a whole review: the input's conversion and all guardrails, one after the other.
func BenchmarkReview(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprintf("guardrails=%d", n), func(b *testing.B) {
			programs := compileAll(b, benchmarkGuardrails(n))
			b.ReportAllocs()
			for b.Loop() {
				input := policies.NewInput(review())
				for _, program := range programs {
					if _, err := program.Evaluate(context.Background(), input); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkCompile is one guardrail; a snapshot compiles those that changed.
func BenchmarkCompile(b *testing.B) {
	driver := rego.New(rego.Options{})
	g := benchmarkGuardrails(1)[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := driver.Compile(context.Background(), g); err != nil {
			b.Fatal(err)
		}
	}
}
