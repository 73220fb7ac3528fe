package cel

import "github.com/google/cel-go/common/types"

// class is a class of sizes of the input. What expressions can cost at most is known for each class when they are compiled, so
// that at run time the class of an input tells whether their cost has to be counted.
type class int8

// numClasses is the number of classes. Anything larger is of the class numClasses.
const numClasses = 8

// limits bound the size of what an expression can reach.
type limits struct {
	// length bounds each string, in bytes, and entries each list and map.
	length, entries int
	// weight bounds the number of values plus the length of all strings.
	weight int
}

// limits of a class. Each is a few times the one before: a finer scale would rarely put an input into a lower class. Most instances
// are of the first four, in which nested loops over what there is cost less than they may.
func (c class) limits() limits {
	switch c {
	case 0:
		return limits{length: 128, entries: 16, weight: 8 << 10}
	case 1:
		return limits{length: 256, entries: 24, weight: 16 << 10}
	case 2:
		return limits{length: 512, entries: 32, weight: 16 << 10}
	case 3:
		return limits{length: 1 << 10, entries: 48, weight: 32 << 10}
	case 4:
		return limits{length: 2 << 10, entries: 64, weight: 32 << 10}
	case 5:
		return limits{length: 8 << 10, entries: 128, weight: 64 << 10}
	case 6:
		return limits{length: 32 << 10, entries: 1 << 10, weight: 256 << 10}
	default:
		return limits{length: 256 << 10, entries: 8 << 10, weight: 2 << 20}
	}
}

// measure is the size of what was added.
type measure struct {
	limits

	max limits
}

// sizes are the classes of an input: of all of it, and of all but what is bulky. The bulk of an object are its annotations and
// managedFields, which hold whole manifests, and which hardly any expression reads.
type sizes struct {
	lean, full class
}

// largest bounds what either bounds.
func (s sizes) largest(other sizes) sizes {
	return sizes{lean: max(s.lean, other.lean), full: max(s.full, other.full)}
}

// allOf is the size of what has no bulk.
func allOf(c class) sizes { return sizes{lean: c, full: c} }

// isBulky reports whether a field of an object's metadata is.
func isBulky(field string) bool { return field == "annotations" || field == "managedFields" }

// sizesOf measures objects, whose bulk is set apart.
func sizesOf(objects ...any) sizes {
	lean, full := measure{max: class(numClasses - 1).limits()}, measure{max: class(numClasses - 1).limits()}
	within, leanWithin := true, true
	for _, object := range objects {
		fields, _ := object.(map[string]any)
		metadata, _ := fields["metadata"].(map[string]any)
		within = within && full.add(object)
		leanWithin = leanWithin && lean.addWithout(fields, "metadata")
		for name, value := range metadata {
			if !isBulky(name) {
				leanWithin = leanWithin && lean.addString(name) && lean.add(value)
			}
		}
	}
	return sizes{lean: lean.class(leanWithin), full: full.class(within)}
}

// addWithout adds an object but for one field.
func (m *measure) addWithout(fields map[string]any, without string) bool {
	m.entries = max(m.entries, len(fields))
	for name, value := range fields {
		if name != without && (!m.addString(name) || !m.add(value)) {
			return false
		}
	}
	return m.entries <= m.max.entries
}

// classOf measures decoded JSON values. It stops at the first thing that is larger than all classes.
func classOf(values ...any) class {
	m := measure{max: class(numClasses - 1).limits()}
	for _, value := range values {
		if !m.add(value) {
			return numClasses
		}
	}
	return m.class(true)
}

// class is that of what was added, which is within the limits of all classes or not.
func (m *measure) class(within bool) class {
	if !within {
		return numClasses
	}
	for c := range class(numClasses) {
		if l := c.limits(); m.length <= l.length && m.entries <= l.entries && m.weight <= l.weight {
			return c
		}
	}
	return numClasses
}

// parts are the parts of an input that are converted only where they are read. The others count as read always.
type parts struct {
	request, namespace, resources bool
}

// add reports whether all is still within the limits.
func (m *measure) add(value any) bool {
	m.weight++
	switch v := value.(type) {
	case string:
		return m.addString(v)
	case []any:
		m.entries = max(m.entries, len(v))
		if m.entries > m.max.entries {
			return false
		}
		for i := range v {
			if !m.add(v[i]) {
				return false
			}
		}
	case map[string]any:
		m.entries = max(m.entries, len(v))
		if m.entries > m.max.entries {
			return false
		}
		for key, element := range v {
			if !m.addString(key) || !m.add(element) {
				return false
			}
		}
	case nil, bool, int64, float64, *types.Unknown:
	default:
		// Nothing else comes from JSON, so nothing is known of its size.
		return false
	}
	return m.weight <= m.max.weight
}

func (m *measure) addString(text string) bool {
	m.length = max(m.length, len(text))
	m.weight += 1 + len(text)
	return m.length <= m.max.length && m.weight <= m.max.weight
}
