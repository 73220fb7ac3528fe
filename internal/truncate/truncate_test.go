package truncate

import "testing"

func TestText(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"", 3, ""},
		{"short", 5, "short"},
		{"longer", 5, "lo..."},
		{"longer", 3, "..."},
		{"aééé", 6, "aé..."},
		{"aéé€", 7, "aé..."},
	} {
		if got := Text(c.text, c.limit); got != c.want || len(got) > c.limit {
			t.Errorf("Text(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}
