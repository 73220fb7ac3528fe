// Command metricspage writes the table of metrics into a Markdown page: metricspage docs/metrics.md
package main

import (
	"fmt"
	"os"

	"github.com/kroguard/kroguard/internal/telemetry"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "metricspage:", err)
		os.Exit(1)
	}
}

func run(files []string) error {
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the caller names it
		if err != nil {
			return err
		}
		page, err := telemetry.Page(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil { //nolint:gosec // a page is for everybody
			return err
		}
	}
	return nil
}
