package rego

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// modules are a guardrail's parsed modules.
type modules struct {
	version ast.RegoVersion
	// parsed are the modules in the guardrail's order; the first is the entry. Never empty.
	parsed []*ast.Module
	// names are the modules' names, in the same order.
	names []string
}

// parse parses the modules and checks what OPA's compiler does not. The error is a CompileErrors.
func parse(policy *v1alpha1.RegoPolicy) (*modules, error) {
	m := &modules{version: languageVersion(policy.Version)}
	for i := range policy.Modules {
		m.names = append(m.names, policy.Modules[i].Name)
	}
	problems := newProblems(m.names)
	if len(policy.Modules) == 0 {
		problems.add(modulesField, nil, "give at least one module")
	}
	if policy.Version != "" && policy.Version != v1alpha1.RegoV0 && policy.Version != v1alpha1.RegoV1 {
		problems.add(versionField, nil, fmt.Sprintf("%q is no version of Rego: v0 or v1", policy.Version))
	}

	seen := map[string]bool{}
	options := ast.ParserOptions{RegoVersion: m.version, Capabilities: capabilities(m.version)}
	for _, source := range policy.Modules {
		if seen[source.Name] {
			problems.add(modulesField, nil, fmt.Sprintf("two modules are named %s: give each its own name", source.Name))
			continue
		}
		seen[source.Name] = true
		module, err := ast.ParseModuleWithOpts(source.Name, source.Source, options)
		switch {
		case err != nil:
			problems.addError(source.Name, err)
		case module == nil:
			problems.add(sourceField(source.Name), nil, "the module is empty: begin it with its package, as in package guardrail")
		default:
			checkNesting(module, problems)
			m.parsed = append(m.parsed, module)
		}
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	m.checkFindingRules(problems)
	return m, problems.err()
}

// languageVersion is OPA's name for the version; v1 where the guardrail gives none.
func languageVersion(version v1alpha1.RegoVersion) ast.RegoVersion {
	if version == v1alpha1.RegoV0 {
		return ast.RegoV0
	}
	return ast.RegoV1
}

// checkFindingRules reports rules of the entry that are named like finding rules and can't yield findings, and an entry
// without any.
func (m *modules) checkFindingRules(problems *problemList) {
	found := false
	m.eachFindingRule(func(rule *ast.Rule, name string) {
		found = true
		switch {
		case len(rule.Head.Args) > 0:
			problems.add(sourceField(rule.Location.File), rule.Location,
				fmt.Sprintf("%s is a function: findings come from a rule, as in %s", name, example(m.version, name)))
		case len(rule.Head.Ref()) > 1:
			problems.add(sourceField(rule.Location.File), rule.Location,
				fmt.Sprintf("%s builds an object, and not a set of findings: write %s", rule.Head.Ref(), example(m.version, name)))
		}
	})
	if !found {
		entry := m.parsed[0]
		problems.add(sourceField(m.names[0]), entry.Package.Location,
			fmt.Sprintf("%s has none of the rules deny, violation, warn, whose elements are the findings: write %s",
				entry.Package, example(m.version, ruleDeny)))
	}
}

// example is a finding rule in the given version of the language.
func example(version ast.RegoVersion, name string) string {
	if version == ast.RegoV0 {
		return name + "[msg] { ... }"
	}
	return name + " contains msg if { ... }"
}

// eachFindingRule calls f for each rule of the entry's package, whichever module it is in, that is named as a finding rule.
func (m *modules) eachFindingRule(f func(rule *ast.Rule, name string)) {
	for _, module := range m.parsed {
		if !module.Package.Path.Equal(m.parsed[0].Package.Path) {
			continue
		}
		for _, rule := range module.Rules {
			name, ok := rule.Head.Ref()[0].Value.(ast.Var)
			if ok && isFindingRule(string(name)) {
				f(rule, string(name))
			}
		}
	}
}

// findingRules are the finding rules that the entry has, in the order in which they are evaluated.
func (m *modules) findingRules() []findingRule {
	first := map[string]*ast.Location{}
	m.eachFindingRule(func(rule *ast.Rule, name string) {
		if first[name] == nil {
			first[name] = rule.Location
		}
	})
	var rules []findingRule
	for _, name := range findingRuleNames() {
		if location := first[name]; location != nil {
			path := m.parsed[0].Package.Path.Append(ast.StringTerm(name))
			rules = append(rules, findingRule{name: name, path: path, location: location})
		}
	}
	return rules
}

// compile compiles the modules; keepPrint keeps the calls of print(). The error is a CompileErrors.
func (m *modules) compile(keepPrint bool) (*ast.Compiler, error) {
	compiler := m.newCompiler().WithEnablePrintStatements(keepPrint)
	compiler.Compile(m.byName())
	if !compiler.Failed() {
		return compiler, nil
	}
	problems := newProblems(m.names)
	problems.addError("", compiler.Errors)
	return nil, problems.err()
}

// warnings are what Rego's strict mode objects to in modules that compile without it.
func (m *modules) warnings() []v1alpha1.ExpressionWarning {
	compiler := m.newCompiler().WithStrict(true)
	compiler.Compile(m.byName())
	problems := newProblems(m.names)
	if compiler.Failed() {
		problems.addError("", compiler.Errors)
	}
	return problems.warnings()
}

func (m *modules) newCompiler() *ast.Compiler {
	return ast.NewCompiler().
		WithDefaultRegoVersion(m.version).
		WithCapabilities(capabilities(m.version)).
		SetErrorLimit(0) // all errors; problems limits what is kept
}

func (m *modules) byName() map[string]*ast.Module {
	byName := make(map[string]*ast.Module, len(m.parsed))
	for i, module := range m.parsed {
		byName[m.names[i]] = module
	}
	return byName
}
