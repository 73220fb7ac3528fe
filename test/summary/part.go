package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Part is what came of one part of a run: the tests of a module, or one check.
type Part struct {
	Name string `json:"name"`
	// Tests is true where the counts are of tests, false where the part is a single check.
	Tests bool `json:"tests"`
	// Real is true where the tests ran on a real control plane.
	Real bool `json:"real,omitempty"`
	Counts
	// Packages are the packages that have tests, sorted by path.
	Packages []Package `json:"packages,omitempty"`
	// Failures name what failed, sorted.
	Failures []string      `json:"failures,omitempty"`
	Took     time.Duration `json:"took"`
}

// Package is what came of the tests of one package.
type Package struct {
	Path string `json:"path"`
	Counts
	Took time.Duration `json:"took"`
}

// Counts are numbers of tests or checks.
type Counts struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

func (c *Counts) add(other Counts) {
	c.Passed += other.Passed
	c.Failed += other.Failed
	c.Skipped += other.Skipped
}

// String has the form that the last line of a run has: "12 passed, 0 failed", and ", 1 skipped" where there is any.
func (c Counts) String() string {
	s := fmt.Sprintf("%d passed, %d failed", c.Passed, c.Failed)
	if c.Skipped > 0 {
		s += fmt.Sprintf(", %d skipped", c.Skipped)
	}
	return s
}

// save writes the part into dir, where a part of the same name is replaced. The file's name has the time of writing before
// the name, so that load returns parts in the order in which they ran.
func (p Part) save(dir string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	suffix := "-" + fileName(p.Name) + ".json"
	old, err := filepath.Glob(filepath.Join(dir, strings.Repeat("[0-9]", len(timeStamp))+suffix))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	stamp := strings.ReplaceAll(now.UTC().Format(timeFormat), ".", "")
	return os.WriteFile(filepath.Join(dir, stamp+suffix), data, 0o600)
}

const (
	timeFormat = "20060102150405.000000"
	timeStamp  = "20060102150405000000"
)

// fileName replaces what a file name should not have.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '_'
	}, name)
}

// load reads the parts in dir in the order in which they ran. A folder that does not exist has none.
func load(dir string) ([]Part, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	parts := make([]Part, 0, len(files))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var p Part
		if err := json.Unmarshal(data, &p); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		parts = append(parts, p)
	}
	return parts, nil
}
