package docs

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Constants are the constants of a package of the repository, unexported ones included: limits are nobody's business but the
// documentation's. Those that depend on packages outside the standard library are left out.
type Constants map[string]constant.Value

// ReadConstants reads the package in a folder.
func ReadConstants(folder string) (Constants, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, filepath.Join(folder, entry.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	config := types.Config{
		Importer: standardLibrary{importer.ForCompiler(set, "source", nil)},
		Error:    func(error) {}, // imports are not followed, so there are some
	}
	read, _ := config.Check(folder, set, files, nil)
	found := Constants{}
	for _, name := range read.Scope().Names() {
		if c, ok := read.Scope().Lookup(name).(*types.Const); ok && c.Val().Kind() != constant.Unknown {
			found[name] = c.Val()
		}
	}
	return found, nil
}

// standardLibrary imports time alone, whose constants limits are made of: all else would take its time for nothing.
type standardLibrary struct{ types.Importer }

// Import implements types.Importer.
func (l standardLibrary) Import(path string) (*types.Package, error) {
	if path != "time" {
		return nil, fmt.Errorf("%s is not followed", path)
	}
	return l.Importer.Import(path)
}

// Int is an integer constant. The error says that there is none of that name.
func (c Constants) Int(name string) (int64, error) {
	value, ok := c[name]
	if !ok {
		return 0, fmt.Errorf("there is no constant %s", name)
	}
	number, ok := constant.Int64Val(constant.ToInt(value))
	if !ok {
		return 0, fmt.Errorf("%s is no integer", name)
	}
	return number, nil
}

// Strings are the values of the string constants whose names begin with a prefix, but for those that are excepted, sorted.
func (c Constants) Strings(prefix string, except ...string) []string {
	var values []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if strings.HasPrefix(name, prefix) && !slices.Contains(except, name) && c[name].Kind() == constant.String {
			values = append(values, constant.StringVal(c[name]))
		}
	}
	slices.Sort(values)
	return values
}
