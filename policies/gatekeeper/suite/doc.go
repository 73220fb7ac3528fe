// Package suite runs test suites in Gatekeeper's format (test.gatekeeper.sh, Suite), as gator verify does, on kroguard's engine: a
// template and a constraint, objects, and how many violations there are to be.
package suite

import (
	"errors"
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// The kind of a suite.
const (
	Group = "test.gatekeeper.sh"
	Kind  = "Suite"
)

// Suite is a file of tests.
type Suite struct {
	// Path is the file.
	Path  string `json:"-"`
	Tests []Test `json:"tests"`
	Skip  bool   `json:"skip"`
}

// Test is a template with a constraint. Paths are relative to the suite's.
type Test struct {
	Name       string `json:"name"`
	Template   string `json:"template"`
	Constraint string `json:"constraint"`
	Expansion  string `json:"expansion"`
	Cases      []Case `json:"cases"`
	// Invalid says that the template's schema refuses the constraint.
	Invalid bool `json:"invalid"`
	Skip    bool `json:"skip"`
}

// Case is an object that is judged.
type Case struct {
	Name string `json:"name"`
	// Object is the file of the object, or of an AdmissionReview.
	Object string `json:"object"`
	// Inventory are the files of data.inventory.
	Inventory  []string    `json:"inventory"`
	Assertions []Assertion `json:"assertions"`
	Skip       bool        `json:"skip"`
}

// Assertion says how many violations there are to be.
type Assertion struct {
	// Violations is "yes" for any, "no" for none, or their number; "yes" where it is not given.
	Violations *intstr.IntOrString `json:"violations"`
	// Message is a regular expression that the violations that count match; where it is not given, all do.
	Message *string `json:"message"`
}

// errAssertion marks an assertion that is none.
var errAssertion = errors.New(`violations is "yes", "no", or a number from 0 on`)

// check compares the messages of violations with the assertion.
func (a *Assertion) check(messages []string) error {
	matching := len(messages)
	containing := ""
	if a.Message != nil {
		pattern, err := regexp.Compile(*a.Message)
		if err != nil {
			return fmt.Errorf("message: %w", err)
		}
		matching, containing = 0, fmt.Sprintf(" with a message like %q", *a.Message)
		for _, message := range messages {
			if pattern.MatchString(message) {
				matching++
			}
		}
	}
	want := "yes"
	if a.Violations != nil {
		want = a.Violations.String()
		if a.Violations.Type == intstr.Int {
			switch n := int(a.Violations.IntVal); {
			case n < 0:
				return fmt.Errorf("%w, not %d", errAssertion, n)
			case n != matching:
				return fmt.Errorf("got %d violations%s, want %d; the messages are %q", matching, containing, n, messages)
			}
			return nil
		}
	}
	switch {
	case want != "yes" && want != "no":
		return fmt.Errorf("%w, not %q", errAssertion, want)
	case want == "yes" && matching == 0:
		return fmt.Errorf("got no violation%s, want some; the messages are %q", containing, messages)
	case want == "no" && matching > 0:
		return fmt.Errorf("got %d violations%s, want none; the messages are %q", matching, containing, messages)
	}
	return nil
}
