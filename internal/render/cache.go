package render

import (
	"container/list"
	"maps"
	"sync"
)

const (
	// DefaultCacheEntries bounds the renderings that are kept: as many as a platform has instances that are written again and
	// again, by kro itself at every reconcile.
	DefaultCacheEntries = 4_096
	// DefaultCacheBytes bounds their size, as JSON; in memory they take a few times as much, less what they share.
	DefaultCacheBytes = 32 << 20

	// bytesPerResource is what a rendered resource takes besides its object.
	bytesPerResource = 512
	// maxShareOfCache is how much of the cache one rendering may take: one part of as many.
	maxShareOfCache = 4
)

// cache keeps renderings, those used last. It is safe for concurrent use.
type cache struct {
	maxEntries, maxBytes int

	mu      sync.Mutex
	entries map[key]*list.Element
	recent  *list.List
	bytes   int
}

type cached struct {
	key   key
	level *level
	bytes int
}

func newCache(maxEntries, maxBytes int) *cache {
	return &cache{maxEntries: maxEntries, maxBytes: maxBytes, entries: map[key]*list.Element{}, recent: list.New()}
}

func (c *cache) get(k key) *level {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[k]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(element)
	entry, _ := element.Value.(*cached)
	return entry.level
}

func (c *cache) put(k key, l *level) {
	size := l.bytes + bytesPerResource*(1+len(l.resources))
	if size > c.maxBytes/maxShareOfCache {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[k]; ok {
		return
	}
	c.entries[k] = c.recent.PushFront(&cached{key: k, level: l, bytes: size})
	c.bytes += size
	for c.bytes > c.maxBytes || len(c.entries) > c.maxEntries {
		c.drop(c.recent.Back())
	}
}

// keep drops what was rendered from any other graph.
func (c *cache) keep(graphs map[*Graph]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, element := range maps.Clone(c.entries) {
		if !graphs[k.graph] {
			c.drop(element)
		}
	}
}

func (c *cache) drop(element *list.Element) {
	entry, _ := c.recent.Remove(element).(*cached)
	delete(c.entries, entry.key)
	c.bytes -= entry.bytes
}
