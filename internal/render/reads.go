package render

import (
	"maps"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/kubernetes-sigs/kro/pkg/graph"
)

const (
	fieldMetadata    = "metadata"
	fieldName        = "name"
	fieldNamespace   = "namespace"
	fieldLabels      = "labels"
	fieldAnnotations = "annotations"
	fieldSpec        = "spec"
	fieldStatus      = "status"
	fieldAPIVersion  = "apiVersion"
	fieldKind        = "kind"
)

// metadataReads are the fields of an instance's metadata that a graph's expressions read. The spec they may read in full.
type metadataReads struct {
	all    bool
	fields map[string]bool
}

// add adds what an expression reads: each schema.metadata.x, and everything where the metadata is used in another way.
func (r *metadataReads) add(checked *ast.AST) {
	root := ast.NavigateAST(checked)
	for _, e := range ast.MatchDescendants(root, ast.KindMatcher(ast.IdentKind)) {
		if e.AsIdent() != graph.SchemaVarName {
			continue
		}
		top, ok := selection(e)
		if !ok {
			r.all = true
			continue
		}
		if top.AsSelect().FieldName() != fieldMetadata {
			continue
		}
		if field, ok := selection(top); ok {
			r.fields[field.AsSelect().FieldName()] = true
		} else {
			r.all = true
		}
	}
}

// selection is the expression that selects a field of an operand.
func selection(operand ast.NavigableExpr) (ast.NavigableExpr, bool) {
	parent, ok := operand.Parent()
	if !ok || parent.Kind() != ast.SelectKind {
		return nil, false
	}
	return parent, true
}

// of are the fields of an instance's metadata that rendering depends on, sorted: those that kro's own labels tell, and those
// that expressions read.
func (r *metadataReads) of(metadata map[string]any) []string {
	if r.all {
		return slices.Sorted(maps.Keys(metadata))
	}
	fields := map[string]bool{fieldName: true, fieldNamespace: true}
	maps.Copy(fields, r.fields)
	return slices.Sorted(maps.Keys(fields))
}
