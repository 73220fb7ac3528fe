package policies

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ResourceState says how much of a rendered resource is known before anything exists.
type ResourceState string

// The states of a rendered resource.
const (
	// ResourceResolved is a resource of which all fields are known.
	ResourceResolved ResourceState = "Resolved"
	// ResourcePartial is a resource some of whose fields wait for the status of another one.
	ResourcePartial ResourceState = "Partial"
	// ResourceSkipped is a resource that will not be created: its includeWhen is false, or what it depends on is skipped.
	ResourceSkipped ResourceState = "Skipped"
	// ResourceExternal is a resource that kro reads and does not create.
	ResourceExternal ResourceState = "External"
	// ResourceUnknown is a resource of which nobody can say yet whether it will be there, or how often.
	ResourceUnknown ResourceState = "Unknown"
)

// RenderedResource is a child that an instance expands into. It is immutable and may be shared by many reviews.
type RenderedResource struct {
	// Node is kro's node id. What a nested instance expands into has the ids on the way to it before its own, separated by
	// slashes, and an element of a collection its index behind: "database/subnet[2]".
	Node string
	// State says how much is known, Reason why it isn't more: one line for people, empty for
	// ResourceResolved but where KindUnknown is set.
	State  ResourceState
	Reason string

	// GVK is the kind, known whatever the state. Resource is its plural; Namespaced its scope. Both are a guess where
	// KindUnknown says that nothing is known of the kind.
	GVK         schema.GroupVersionKind
	Resource    schema.GroupVersionResource
	Namespaced  bool
	KindUnknown bool

	// Object is the resource as kro will send it, decoded from JSON; integers are int64. Fields that wait for something are
	// absent, and null where they are elements of a list, so that the others keep their places. It is nil for ResourceSkipped,
	// ResourceExternal and ResourceUnknown.
	Object map[string]any
	// Unresolved are the fields that wait for something, in the order of their paths. Only ResourcePartial has any.
	Unresolved []UnresolvedField

	// Offering is the RGD of a nested instance, which is among the rendered resources together with what it expands into; "" for
	// what is no instance.
	Offering string
}

// Judged reports whether there is an object to be judged.
func (r *RenderedResource) Judged() bool { return r.Object != nil }

// UnresolvedField is a field whose value nobody can tell yet.
type UnresolvedField struct {
	// Path leads to it, and Expressions are what it consists of, without "${" and "}".
	Path        FieldPath
	Expressions []string
	// WaitsFor are the ids of the nodes whose status the value depends on, sorted.
	WaitsFor []string
}

// Rendering is all that an instance expands into. It is immutable.
type Rendering struct {
	// Resources are in the order in which kro creates them, each nested instance before what it expands into.
	Resources []RenderedResource
}

// FieldPath leads to a field: a string is a key of an object, an int the index in a list.
type FieldPath []any

// String renders the path as violations name fields: ".spec.containers[0].image". A key that is no plain word is in brackets:
// `.metadata.labels["app.kubernetes.io/name"]`.
func (p FieldPath) String() string {
	var text strings.Builder
	for _, element := range p {
		switch element := element.(type) {
		case int:
			text.WriteString("[" + strconv.Itoa(element) + "]")
		case string:
			if isPlainKey(element) {
				text.WriteString("." + element)
			} else {
				text.WriteString("[" + strconv.Quote(element) + "]")
			}
		}
	}
	return text.String()
}

func isPlainKey(key string) bool {
	for _, r := range key {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return key != ""
}
