package gatekeeper

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kroguard/kroguard/policies/rego"
)

const (
	// DefaultMaxObjects bounds an inventory. Each object takes a few kilobytes, and a policy may look at all of them.
	DefaultMaxObjects = 50_000
	// DefaultMaxBytes bounds the objects of an inventory, as JSON; in memory they take some ten times as much.
	DefaultMaxBytes = 64 << 20
)

// Inventory is data.inventory: other objects that policies look at. It is immutable and safe for concurrent use.
type Inventory struct {
	document   *rego.Inventory
	namespaces map[string]*corev1.Namespace
}

// NewInventory takes over objects, decoded from JSON. An object of the same kind and name as an earlier one takes its place. The error
// names an object that can't be one, or says that there are too many.
func NewInventory(objects []map[string]any) (*Inventory, error) {
	if len(objects) > DefaultMaxObjects {
		return nil, fmt.Errorf("the inventory has %d objects, %d are the most: sync fewer kinds", len(objects), DefaultMaxObjects)
	}
	inventory := &Inventory{namespaces: map[string]*corev1.Namespace{}}
	document := map[string]any{}
	size := 0
	for _, object := range objects {
		text, err := json.Marshal(object)
		if err != nil {
			return nil, fmt.Errorf("an object of the inventory: %w", err)
		}
		if size += len(text); size > DefaultMaxBytes {
			return nil, fmt.Errorf("the inventory is larger than %d MiB: sync fewer kinds", DefaultMaxBytes>>20)
		}
		o := metaOf(object)
		if o.gvk.Version == "" || o.gvk.Kind == "" {
			return nil, fmt.Errorf("object %q of the inventory lacks its apiVersion or kind", o.name)
		}
		if o.isNamespace {
			namespace := new(corev1.Namespace)
			if err := json.Unmarshal(text, namespace); err != nil {
				return nil, fmt.Errorf("namespace %q of the inventory: %w", o.name, err)
			}
			inventory.namespaces[o.name] = namespace
		}
		path := []string{"cluster", o.gvk.GroupVersion().String(), o.gvk.Kind}
		if o.namespace != "" {
			path = []string{"namespace", o.namespace, o.gvk.GroupVersion().String(), o.gvk.Kind}
		}
		put(document, path, o.name, object)
	}
	inventory.document = rego.NewInventory(document)
	return inventory, nil
}

func put(document map[string]any, path []string, name string, object map[string]any) {
	for _, key := range path {
		next, ok := document[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			document[key] = next
		}
		document = next
	}
	document[name] = object
}

// UnavailableInventory is one that can't be read: a policy that does fails.
func UnavailableInventory(err error) *Inventory {
	return &Inventory{document: rego.UnavailableInventory(err)}
}

// Namespace is a namespace of the inventory; nil where there is none.
func (i *Inventory) Namespace(name string) *corev1.Namespace {
	if i == nil {
		return nil
	}
	return i.namespaces[name]
}

func (i *Inventory) regoDocument() *rego.Inventory {
	if i == nil {
		return nil
	}
	return i.document
}
