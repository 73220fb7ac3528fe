package suite

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Filter selects the tests and cases that are run. The zero value selects all.
type Filter struct {
	// test and name select by a test's and by a case's name; where both are the same, either does.
	test, name *regexp.Regexp
	both       bool
}

// ParseFilter reads a filter as gator verify's --run takes it: "regexp" selects the tests and the cases whose name it matches, and
// "regexp//regexp" the cases whose name the second matches in tests whose name the first does. An empty text selects all.
func ParseFilter(text string) (Filter, error) {
	if text == "" {
		return Filter{}, nil
	}
	test, name, both := strings.Cut(text, "//")
	if strings.Contains(name, "//") {
		return Filter{}, errors.New(`there is more than one "//": write test//case`)
	}
	f := Filter{both: both}
	var err error
	if f.test, err = regexp.Compile(test); err != nil {
		return Filter{}, fmt.Errorf("for tests: %w", err)
	}
	f.name = f.test
	if both {
		if f.name, err = regexp.Compile(name); err != nil {
			return Filter{}, fmt.Errorf("for cases: %w", err)
		}
	}
	return f, nil
}

func (f *Filter) selectsCase(test, name string) bool {
	switch {
	case f.test == nil:
		return true
	case f.both:
		return f.test.MatchString(test) && f.name.MatchString(name)
	default:
		return f.test.MatchString(test) || f.name.MatchString(name)
	}
}

func (f *Filter) selectsTest(test *Test) bool {
	return f.test == nil || f.test.MatchString(test.Name) ||
		!f.both && slices.ContainsFunc(test.Cases, func(c Case) bool { return f.name.MatchString(c.Name) })
}
