package gatekeeper

import (
	"context"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kroguard/kroguard/policies/rego"
)

// The packages that a template's Rego becomes, or may have.
const (
	// entryPackage is what the entry's package is called, whatever the template calls it.
	entryPackage = "template"
	libPackage   = "lib"
	inventoryDoc = "inventory"
	ruleName     = "violation"
)

// regoSource is a template's Rego.
type regoSource struct {
	entry   string
	libs    []string
	version ast.RegoVersion
	// field is where the entry stands, libField where the libraries do.
	field, libField string
}

// compileRego compiles a template's Rego.
func (c *Compiler) compileRego(ctx context.Context, t *Template, target *templateTarget) error {
	source, err := regoOf(target)
	if err != nil {
		return err
	}
	modules, err := source.parse()
	if err != nil {
		return wrapCompile(err)
	}
	rule := ast.DefaultRootRef.Append(ast.StringTerm(entryPackage)).Append(ast.StringTerm(ruleName))
	t.rego, err = c.rego.CompileTemplate(ctx, rego.TemplateModules{Name: t.Kind, Modules: modules, Rule: rule})
	return wrapCompile(err)
}

// regoOf finds the Rego: target.rego outranks code, and is v0.
func regoOf(target *templateTarget) (*regoSource, error) {
	if target.Rego != "" {
		return &regoSource{
			entry: target.Rego, libs: target.Libs, version: ast.RegoV0, field: "spec.targets[0].rego", libField: "spec.targets[0].libs",
		}, nil
	}
	i := codeOf(target, engineRego)
	if i < 0 {
		return nil, fmt.Errorf("%w: there is neither rego nor code of an engine %s or %s", ErrTemplate, engineRego, engineCEL)
	}
	field := fmt.Sprintf("spec.targets[0].code[%d].source", i)
	fields, ok := target.Code[i].Source.(map[string]any)
	if !ok {
		return nil, compileErrors(field, "this is no object: give rego in it")
	}
	source := &regoSource{version: ast.RegoV0, field: field + ".rego", libField: field + ".libs"}
	if source.entry, ok = fields["rego"].(string); !ok {
		return nil, compileErrors(source.field, "give the Rego as text")
	}
	version, isText := fields["version"].(string)
	if _, given := fields["version"]; given && !isText {
		return nil, compileErrors(field+".version", "give v0 or v1")
	}
	if version == "v1" {
		source.version = ast.RegoV1
	}
	libs, isList := fields["libs"].([]any)
	if _, given := fields["libs"]; given && !isList {
		return nil, compileErrors(source.libField, "give a list of modules")
	}
	for _, lib := range libs {
		text, ok := lib.(string)
		if !ok {
			return nil, compileErrors(source.libField, "give each module as text")
		}
		source.libs = append(source.libs, text)
	}
	return source, nil
}

// parse parses entry and libraries, checks what Gatekeeper checks, and puts the entry into entryPackage.
func (s *regoSource) parse() (map[string]*ast.Module, error) {
	entry, err := s.module(s.field, s.entry)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(entry.Rules, func(rule *ast.Rule) bool { return string(rule.Head.Name) == ruleName }) {
		return nil, rego.TemplateErrors(at(entry.Package.Location, "there is no rule violation, whose elements are the violations"))
	}
	entry.Package.Path = ast.DefaultRootRef.Append(ast.StringTerm(entryPackage))
	modules := map[string]*ast.Module{s.field: entry}
	for i, text := range s.libs {
		field := fmt.Sprintf("%s[%d]", s.libField, i)
		lib, err := s.module(field, text)
		if err != nil {
			return nil, err
		}
		path := lib.Package.Path
		if len(path) < 3 || !path.HasPrefix(libRef()) {
			return nil, rego.TemplateErrors(at(lib.Package.Location, fmt.Sprintf("%s is no package of a library: write package lib.x", lib.Package)))
		}
		modules[field] = lib
	}
	return modules, nil
}

// module parses one module and checks what it refers to.
func (s *regoSource) module(field, text string) (*ast.Module, error) {
	module, err := ast.ParseModuleWithOpts(field, text, ast.ParserOptions{RegoVersion: s.version})
	if err != nil {
		return nil, rego.TemplateErrors(err)
	}
	if module == nil {
		return nil, compileErrors(field, "the module is empty: begin it with its package")
	}
	var problems ast.Errors
	for _, imported := range module.Imports {
		if ref, ok := imported.Path.Value.(ast.Ref); !ok || !ref.HasPrefix(libRef()) && !ref[0].Equal(ast.VarTerm("future")) {
			problems = append(problems, problem(imported.Location,
				fmt.Sprintf("%s can't be imported: a template imports nothing but data.lib and future.keywords", imported.Path)))
		}
	}
	for _, rule := range module.Rules {
		ast.WalkRefs(rule, func(ref ast.Ref) bool {
			if ref[0].Equal(ast.DefaultRootDocument) && !ref.HasPrefix(libRef()) && !ref.HasPrefix(inventoryRef()) {
				problems = append(problems, problem(ref[0].Location,
					fmt.Sprintf("%s can't be read: a template has nothing but data.lib and data.inventory", ref)))
			}
			return true
		})
	}
	if len(problems) > 0 {
		return nil, rego.TemplateErrors(problems)
	}
	return module, nil
}

func libRef() ast.Ref { return ast.DefaultRootRef.Append(ast.StringTerm(libPackage)) }

func inventoryRef() ast.Ref { return ast.DefaultRootRef.Append(ast.StringTerm(inventoryDoc)) }

func problem(location *ast.Location, message string) *ast.Error {
	return &ast.Error{Code: ast.CompileErr, Location: location, Message: message}
}

func at(location *ast.Location, message string) error { return problem(location, message) }
