package labeling

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Keys are the label keys under which ownership and cost are written. An empty key: that label is not written. The zero
// value writes none; DefaultKeys are those that OpenCost and Kubecost read.
type Keys struct {
	// Team is the project's owner.
	Team string
	// Owner is the project's contact, else its owner.
	Owner string
	// CostCenter is the project's cost center.
	CostCenter string
	// Env and Department come from the namespace's label of the same key, or from the project's labels.
	Env, Department string
	// App is the instance's name.
	App string
	// PartOf is the project's name.
	PartOf string
}

// DefaultKeys are the keys that OpenCost and Kubecost read (opencost core/pkg/env: team, owner, env, department, app), and
// Kubernetes' recommended app.kubernetes.io/part-of.
func DefaultKeys() Keys {
	return Keys{
		Team: "team", Owner: "owner", CostCenter: "cost-center", Env: "env", Department: "department", App: "app",
		PartOf: "app.kubernetes.io/part-of",
	}
}

// fields names the keys as operators do.
func (k *Keys) fields() map[string]*string {
	return map[string]*string{
		"team": &k.Team, "owner": &k.Owner, "cost-center": &k.CostCenter, "env": &k.Env, "department": &k.Department,
		"app": &k.App, "part-of": &k.PartOf,
	}
}

// KeyNames are the names that ParseKeys takes, sorted.
func KeyNames() []string { return slices.Sorted(maps.Keys(new(Keys).fields())) }

// ParseKeys are the default keys with some of them changed: {"team": "example.com/team"}. An empty key switches the label
// off. The error says which name is unknown, or which key is no label key, belongs to somebody else, or is given twice.
func ParseKeys(changes map[string]string) (Keys, error) {
	keys := DefaultKeys()
	fields := keys.fields()
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		key := changes[name]
		target, ok := fields[name]
		if !ok {
			return Keys{}, fmt.Errorf("unknown label %q: known are %s", name, strings.Join(KeyNames(), ", "))
		}
		if problems := validation.IsQualifiedName(key); key != "" && len(problems) > 0 {
			return Keys{}, fmt.Errorf("label %s: key %q: %s", name, key, strings.Join(problems, "; "))
		}
		if reserved(key) {
			return Keys{}, fmt.Errorf("label %s: key %q belongs to those who write it", name, key)
		}
		*target = key
	}
	taken := map[string]string{}
	for _, name := range KeyNames() {
		key := *fields[name]
		if other, ok := taken[key]; ok && key != "" {
			return Keys{}, fmt.Errorf("labels %s and %s have the same key %q", other, name, key)
		}
		taken[key] = name
	}
	return keys, nil
}

// reserved reports whether a label belongs to kro, ApplySet or kroguard, or says who manages an object. No default and no
// template is written there; ApplySet would prune copies of its own.
func reserved(key string) bool {
	if key == "app.kubernetes.io/managed-by" {
		return true
	}
	prefix, _, _ := strings.Cut(key, "/")
	for _, owner := range []string{"kro.run", v1alpha1.GroupName, "applyset.kubernetes.io"} {
		if key != prefix && (prefix == owner || strings.HasSuffix(prefix, "."+owner)) {
			return true
		}
	}
	return false
}
