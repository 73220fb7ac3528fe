package render

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"math"
	"slices"
)

// key is what the rendering of an instance depends on.
type key struct {
	graph  *Graph
	digest [sha256.Size]byte
}

// keyOf digests what of an instance the rendering depends on: its spec, and of its metadata what kro's labels and the graph's
// expressions read. The digest is cryptographic: nobody may get another instance's resources judged in place of their own.
func keyOf(g *Graph, i instance) key {
	d := digester{hash: sha256.New(), buffer: make([]byte, 0, 512)}
	d.text(i.version)
	d.value(i.object[fieldSpec])
	for _, field := range g.reads.of(i.metadata) {
		value, ok := i.metadata[field]
		if !ok {
			d.mark('-')
			continue
		}
		d.text(field)
		d.value(value)
	}
	d.pending(i.pending)
	k := key{graph: g}
	d.flush()
	d.hash.Sum(k.digest[:0])
	return k
}

// digester writes values so that no two different ones are written alike.
type digester struct {
	hash   hash.Hash
	buffer []byte
}

func (d *digester) flush() {
	d.hash.Write(d.buffer)
	d.buffer = d.buffer[:0]
}

func (d *digester) room() {
	if len(d.buffer) > cap(d.buffer)-16 {
		d.flush()
	}
}

func (d *digester) mark(b byte) {
	d.room()
	d.buffer = append(d.buffer, b)
}

func (d *digester) number(kind byte, n uint64) {
	d.mark(kind)
	d.buffer = binary.BigEndian.AppendUint64(d.buffer, n)
}

func (d *digester) text(s string) {
	d.number('s', uint64(len(s)))
	for s != "" {
		if len(d.buffer) == cap(d.buffer) {
			d.flush()
		}
		n := min(len(s), cap(d.buffer)-len(d.buffer))
		d.buffer = append(d.buffer, s[:n]...)
		s = s[n:]
	}
}

func (d *digester) value(value any) {
	switch v := value.(type) {
	case nil:
		d.mark('0')
	case string:
		d.text(v)
	case bool:
		if v {
			d.mark('t')
		} else {
			d.mark('f')
		}
	case int64:
		d.number('i', uint64(v)) //nolint:gosec // the bits count
	case float64:
		d.number('d', math.Float64bits(v))
	case map[string]any:
		d.number('m', uint64(len(v)))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			d.text(name)
			d.value(v[name])
		}
	case []any:
		d.number('l', uint64(len(v)))
		for _, element := range v {
			d.value(element)
		}
	default:
		// Nothing that decoded JSON has.
		d.mark('?')
		d.text(fmt.Sprintf("%T %#v", v, v))
	}
}

func (d *digester) pending(p *pending) {
	if p == nil {
		d.mark('.')
		return
	}
	d.number('p', uint64(len(p.waitsFor)))
	for _, id := range p.waitsFor {
		d.text(id)
	}
	d.number('c', uint64(len(p.children)))
	elements := slices.SortedFunc(maps.Keys(p.children), func(a, b any) int { return comparePaths([]any{a}, []any{b}) })
	for _, element := range elements {
		d.text(fmt.Sprintf("%T %v", element, element))
		d.pending(p.children[element])
	}
}
