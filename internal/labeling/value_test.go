package labeling_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kroguard/kroguard/internal/labeling"
)

func TestMakeValue(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"a valid value stays":                 {"Team_Pay.1", "Team_Pay.1"},
		"dashes of a valid value stay":        {"a--b", "a--b"},
		"spaces and brackets become one dash": {"Team Payments <pay@example.com>", "Team-Payments-pay-example.com"},
		"a channel loses its mark":            {"#team-pay", "team-pay"},
		"letters beyond ASCII become dashes":  {"Käse & Söhne", "K-se-S-hne"},
		"it ends with a letter or digit":      {strings.Repeat("a", 62) + "/b", strings.Repeat("a", 62)},
		"it has at most 63 characters":        {strings.Repeat("a", 100), strings.Repeat("a", 63)},
		"nothing legal is nothing":            {"<->", ""},
		"nothing is nothing":                  {"", ""},
		"lines become one":                    {"a\n\tb", "a-b"},
		"a dash before what is replaced":      {"a- b", "a-b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := labeling.MakeValue(tt.text); got != tt.want {
				t.Errorf("MakeValue(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func FuzzMakeValue(f *testing.F) {
	f.Add("Team Payments <pay@example.com>")
	f.Add("\xff-._ä")
	f.Fuzz(func(t *testing.T, text string) {
		value := labeling.MakeValue(text)
		if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
			t.Errorf("MakeValue(%q) = %q: %v", text, value, problems)
		}
		if again := labeling.MakeValue(value); again != value {
			t.Errorf("MakeValue(%q) = %q, and of that %q", text, value, again)
		}
	})
}

func TestParseKeys(t *testing.T) {
	got, err := labeling.ParseKeys(map[string]string{"team": "example.com/team", "department": ""})
	want := labeling.DefaultKeys()
	want.Team, want.Department = "example.com/team", ""
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error = %v, keys (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"app", "cost-center", "department", "env", "owner", "part-of", "team"}, labeling.KeyNames()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	tests := map[string]struct {
		changes map[string]string
		want    string
	}{
		"an unknown name":        {map[string]string{"tem": "x"}, `unknown label "tem": known are app, cost-center, department, env, owner, part-of, team`},
		"a key of kroguard":      {map[string]string{"team": "kroguard.io/team"}, `label team: key "kroguard.io/team" belongs to those who write it`},
		"a key of kro":           {map[string]string{"team": "internal.kro.run/team"}, `label team: key "internal.kro.run/team" belongs to those who write it`},
		"who manages the object": {map[string]string{"app": "app.kubernetes.io/managed-by"}, `label app: key "app.kubernetes.io/managed-by" belongs to those who write it`},
		"one key for two labels": {map[string]string{"team": "owner"}, `labels owner and team have the same key "owner"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := labeling.ParseKeys(tt.changes); err == nil || err.Error() != tt.want {
				t.Errorf("error = %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := labeling.ParseKeys(map[string]string{"team": "a b"}); err == nil || !strings.HasPrefix(err.Error(), `label team: key "a b": `) {
		t.Errorf("error of an illegal key = %v", err)
	}
}
