package main

import (
	"os"
	"testing"
)

// TestEveryScene plays the demo: it fails if an answer of the API server is not as shown.
func TestEveryScene(t *testing.T) {
	out, err := os.Create(t.TempDir() + "/demo.log")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := run(t.Context(), out, false); err != nil {
		shown, _ := os.ReadFile(out.Name())
		t.Fatalf("%v\n\n%s", err, shown)
	}
}
