package render

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	krometadata "github.com/kubernetes-sigs/kro/pkg/metadata"

	"github.com/kroguard/kroguard/policies"
)

const (
	// labelPartOf is the label by which kro finds what it has applied for an instance (pkg/controller/instance/applyset).
	labelPartOf = "applyset.kubernetes.io/part-of"

	expressionInstanceName      = "schema.metadata.name"
	expressionInstanceNamespace = "schema.metadata.namespace"
)

// object is a resource as kro sends it.
type object struct {
	object     map[string]any
	unresolved []policies.UnresolvedField
	pending    *pending
	unset      string
	// identity is the namespace and the name, nil where one of them is unresolved.
	identity *[2]string
}

// position is the place of an element in a collection.
type position struct{ index, size int }

// object assembles a resource and adds what kro's controller adds.
func (w *walk) object(n *node, at *position) (*object, error) {
	a := &assembly{evaluate: w.evaluate}
	built, err := a.build(n.template)
	if err != nil {
		return nil, err
	}
	fields, ok := built.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the template is no object")
	}
	// A template without expressions is shared; from here on its metadata differs.
	o := &object{object: maps.Clone(fields), unresolved: a.unresolved, unset: a.unset}
	d := decoration{walk: w, node: n, object: o, metadata: ownMap(o.object, fieldMetadata)}
	if err := d.namespace(); err != nil {
		return nil, err
	}
	d.decorate(at)
	w.level.bytes += a.bytes + d.bytes
	if w.level.bytes > w.limits.MaxBytes {
		return nil, &LimitError{Limit: LimitBytes, Max: w.limits.MaxBytes, Asked: w.level.bytes}
	}
	if len(o.unresolved) > 0 {
		slices.SortStableFunc(o.unresolved, func(a, b policies.UnresolvedField) int { return comparePaths(a.Path, b.Path) })
		o.pending = pendingOf(o.unresolved)
	}
	if !o.waits(fieldMetadata, fieldName) && !o.waits(fieldMetadata, fieldNamespace) {
		name, _ := d.metadata[fieldName].(string)
		namespace, _ := d.metadata[fieldNamespace].(string)
		o.identity = &[2]string{namespace, name}
	}
	return o, nil
}

// waits reports whether a field, or what it is part of, is unresolved.
func (o *object) waits(path ...string) bool {
	return slices.ContainsFunc(o.unresolved, func(field policies.UnresolvedField) bool {
		if len(field.Path) > len(path) {
			return false
		}
		for i, element := range field.Path {
			if element != path[i] {
				return false
			}
		}
		return true
	})
}

// ownMap makes an object's field a map that may be changed.
func ownMap(object map[string]any, field string) map[string]any {
	own, ok := object[field].(map[string]any)
	if ok {
		own = maps.Clone(own)
	}
	if own == nil {
		own = map[string]any{}
	}
	object[field] = own
	return own
}

// decoration adds to a resource what kro's controller adds (pkg/controller/instance/resources.go, applyDecoratorMetadata).
type decoration struct {
	walk     *walk
	node     *node
	object   *object
	metadata map[string]any
	bytes    int
}

// namespace puts a resource that names none into the instance's namespace.
func (d *decoration) namespace() error {
	if !d.node.namespaced || d.object.waits(fieldMetadata, fieldNamespace) {
		return nil
	}
	if own, _ := d.metadata[fieldNamespace].(string); own != "" {
		return nil
	}
	instance := d.walk.instance
	switch {
	case !d.walk.graph.namespaced:
		return &EvaluationError{Err: fmt.Errorf("it has a namespace, and the instance has none: the template must set metadata.namespace")}
	case instance.namespaceWaits != nil:
		delete(d.metadata, fieldNamespace)
		d.wait(policies.FieldPath{fieldMetadata, fieldNamespace}, expressionInstanceNamespace, instance.namespaceWaits)
	case instance.namespace != "":
		d.metadata[fieldNamespace] = instance.namespace
		d.bytes += len(instance.namespace) + len(`"namespace":"",`)
	}
	return nil
}

func (d *decoration) wait(path policies.FieldPath, expression string, waitsFor []string) {
	d.object.unresolved = append(d.object.unresolved, policies.UnresolvedField{
		Path: path, Expressions: []string{expression}, WaitsFor: waitsFor,
	})
}

func (d *decoration) decorate(at *position) {
	if !d.object.waits(fieldMetadata, fieldLabels) {
		labels := d.strings(fieldLabels)
		instance, g := d.walk.instance, d.walk.graph
		d.set(labels, krometadata.OwnedLabel, "true")
		d.set(labels, krometadata.ManagedByLabelKey, krometadata.ManagedByKROValue)
		d.set(labels, krometadata.NodeIDLabel, d.node.id)
		d.set(labels, krometadata.InstanceGroupLabel, g.gvk.Group)
		d.set(labels, krometadata.InstanceVersionLabel, instance.version)
		d.set(labels, krometadata.InstanceKindLabel, g.gvk.Kind)
		d.setOrWait(labels, krometadata.InstanceLabel, instance.name, expressionInstanceName, instance.nameWaits)
		if g.namespaced {
			d.setOrWait(labels, krometadata.InstanceNamespaceLabel, instance.namespace, expressionInstanceNamespace, instance.namespaceWaits)
		}
		waits := instance.nameWaits
		if waits == nil {
			waits = instance.namespaceWaits
		}
		d.setOrWait(labels, labelPartOf, instance.applySet(g), expressionInstanceName, waits)
		if at != nil {
			d.set(labels, krometadata.CollectionIndexLabel, strconv.Itoa(at.index))
			d.set(labels, krometadata.CollectionSizeLabel, strconv.Itoa(at.size))
		}
	}
	if !d.object.waits(fieldMetadata, fieldAnnotations) {
		d.set(d.strings(fieldAnnotations), krometadata.ApplyOrderAnnotation, d.node.applyOrder)
	}
}

// strings is a field of strings that may be changed. One that holds something else is replaced, as apimachinery's accessors do,
// which kro uses; fields that wait are absent.
func (d *decoration) strings(field string) map[string]any {
	own := ownMap(d.metadata, field)
	for _, value := range own {
		if _, ok := value.(string); !ok {
			own = map[string]any{}
			d.metadata[field] = own
			break
		}
	}
	return own
}

func (d *decoration) set(values map[string]any, key, value string) {
	values[key] = value
	d.bytes += len(key) + len(value) + len(`"":"",`)
}

func (d *decoration) setOrWait(labels map[string]any, key, value, expression string, waitsFor []string) {
	if waitsFor == nil {
		d.set(labels, key, value)
		return
	}
	d.wait(policies.FieldPath{fieldMetadata, fieldLabels, key}, expression, waitsFor)
}

// applySet is the name of the set of all that kro applies for an instance (pkg/controller/instance/applyset, ID).
func (i instance) applySet(g *Graph) string {
	hash := sha256.Sum256([]byte(strings.Join([]string{i.name, i.namespace, g.gvk.Kind, g.gvk.Group}, ".")))
	return "applyset-" + base64.RawURLEncoding.EncodeToString(hash[:]) + "-v1"
}

func pendingOf(fields []policies.UnresolvedField) *pending {
	root := new(pending)
	for _, field := range fields {
		waitsFor := field.WaitsFor
		if len(waitsFor) == 0 {
			// It waits for somebody to set a field of the instance.
			waitsFor = []string{"schema"}
		}
		root.put(field.Path, waitsFor)
	}
	return root
}

// comparePaths orders paths; of two that part, the lower key or index first.
func comparePaths(a, b policies.FieldPath) int {
	return slices.CompareFunc(a, b, func(a, b any) int {
		if i, ok := a.(int); ok {
			if j, ok := b.(int); ok {
				return i - j
			}
		}
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
}
