package celcorpus

import "strings"

// Object makes a WebApp whose fields are there or not, and of one type or another.
func Object(s Source) map[string]any {
	spec := map[string]any{}
	for _, field := range []struct {
		name   string
		values []any
	}{
		{"replicas", []any{int64(0), int64(3), int64(-1), int64(300)}},
		{"ratio", []any{0.5, 3.0, -2.25}},
		{"image", []any{"registry.example.com/shop:1.4.2", "nginx:latest", "", "ünïcode/é:1"}},
		{"memory", []any{"512Mi", "2Gi", "none", "1.5"}},
		{"host", []any{"https://shop.example.com:8443/cart?a=b", "shop", "http://[::1]/"}},
		{"address", []any{"10.1.2.3", "::ffff:1.2.3.4", "fe80::1", "10.0.0.0/8"}},
		{"version", []any{"1.2.3", "v1.2", "2.0.0-rc.1"}},
		{"public", []any{true, false}},
		{"ports", []any{[]any{int64(80), int64(443)}, []any{}, []any{int64(443), int64(80), int64(80)}}},
		{"hosts", []any{[]any{"a.example.com", "b.example.com"}, []any{"b", "a"}, []any{""}}},
		{"env", []any{
			[]any{map[string]any{"name": "A", "value": "1"}, map[string]any{"name": "B"}}, []any{},
			many(map[string]any{"name": "N", "value": "some value"}, 30),
		}},
		{"mixed", []any{[]any{int64(1), "a", nil, true, 1.5, []any{}, map[string]any{}}, []any{nil}}},
		{"nothing", []any{nil}},
		{"text", []any{"short", strings.Repeat("x", 300), strings.Repeat("0123456789", 350)}},
		{"tree", []any{
			map[string]any{"a": map[string]any{"b": map[string]any{"c": int64(1)}}, "d": []any{map[string]any{"e": "f"}}},
			map[string]any{"1": "one", "x-y": "z", "__namespace__": "n"},
		}},
		{"any", []any{int64(7), "seven", []any{int64(7)}, map[string]any{"seven": int64(7)}, 7.0, false}},
	} {
		if s.N(6) > 0 {
			spec[field.name] = one(s, field.values...)
		}
	}
	metadata := map[string]any{"name": one(s, "shop", "cart", "a-very-long-name-of-a-web-app-that-goes-on"), "namespace": "payments"}
	if s.N(3) > 0 {
		metadata["labels"] = map[string]any{"team": one(s, "payments", "Search_1", ""), "tier": "web"}
	}
	if s.N(4) == 0 {
		metadata["annotations"] = map[string]any{"example.com/note": one(s, "a", strings.Repeat("long ", 300))}
	}
	return map[string]any{"apiVersion": "corpus.example.com/v1", "kind": "WebApp", "metadata": metadata, "spec": spec}
}

func many(value any, n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = value
	}
	return list
}
