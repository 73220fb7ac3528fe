package spelling_test

import (
	"testing"

	"github.com/kroguard/kroguard/internal/spelling"
)

func TestNearest(t *testing.T) {
	known := []string{"category", "defaults", "deprecated", "size", "sizes"}
	for _, test := range []struct{ name, want string }{
		{"categroy", "category"}, {"defuaults", "defaults"}, {"siez", "size"}, {"size", "size"}, {"sizess", "sizes"}, {"x", ""}, {"", ""}, {"nothing-like-it", ""},
	} {
		if got, _ := spelling.Nearest(test.name, known); got != test.want {
			t.Errorf("nearest to %q is %q, want %q", test.name, got, test.want)
		}
	}
}

func TestHint(t *testing.T) {
	many := []string{"a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1", "i1", "j1", "k1", "l1"}
	for name, test := range map[string]struct {
		known []string
		want  string
	}{
		"sise":    {[]string{"image", "size"}, "did you mean size?"},
		"nothing": {[]string{"image", "size"}, "there are image, size"},
		"other":   {[]string{"image"}, "there is image"},
		"longer":  {many, "there are a1, b1, c1, d1, e1, f1, g1, h1, i1, j1 and 2 more"},
		"none":    {nil, ""},
	} {
		if got := spelling.Hint(name, test.known); got != test.want {
			t.Errorf("hint for %q is %q, want %q", name, got, test.want)
		}
	}
}
