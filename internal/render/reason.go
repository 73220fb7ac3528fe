package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubernetes-sigs/kro/pkg/graph"

	"github.com/kroguard/kroguard/policies"
)

// reasonLacks begins what the instance lacks.
const reasonLacks = "the instance lacks a field that it is made of: "

// reasonOf says what a partial resource waits for, and what the instance lacks.
func reasonOf(unresolved []policies.UnresolvedField, unset string) string {
	ids := map[string]bool{}
	for _, field := range unresolved {
		for _, id := range field.WaitsFor {
			ids[id] = true
		}
	}
	var reasons []string
	if len(ids) > 0 {
		reasons = append(reasons, "it waits for "+named(slices.Sorted(maps.Keys(ids))))
	}
	if unset != "" {
		reasons = append(reasons, reasonLacks+unset)
	}
	return strings.Join(reasons, "; ")
}

// named renders node ids.
func named(ids []string) string {
	quoted := make([]string, len(ids))
	for i, id := range ids {
		if id == graph.SchemaVarName {
			quoted[i] = "the instance itself"
		} else {
			quoted[i] = fmt.Sprintf("%q", strings.TrimLeft(id, outer))
		}
	}
	return strings.Join(quoted, ", ")
}
