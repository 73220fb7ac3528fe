package telemetry

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestThePageHasWhatIsRegistered fails where docs/metrics.md is older than the code: make generate writes it.
func TestThePageHasWhatIsRegistered(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Page(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("make generate writes the page anew (-code +page):\n%s", diff)
	}
}

func TestAPageWithoutAPlaceForTheTable(t *testing.T) {
	if _, err := Page("# Metrics\n"); !errors.Is(err, errNoTable) {
		t.Errorf("got %v", err)
	}
}
