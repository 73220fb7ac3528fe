package admissionpolicy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// together is how many policies are in force at a time: an answer of the API server has room for the warnings of as many.
const together = 6

// matchers are policies that say how they see what they are for, by match rules of their own and by those of their bindings.
func matchers(t *testing.T) [][]*suite {
	t.Helper()
	const everything = "  matchConstraints: {resourceRules: [{apiGroups: ['', apps, rbac.authorization.k8s.io, example.com], " +
		"apiVersions: ['*'], resources: ['*/*'], operations: ['*']}]}"
	var all []*suite
	for _, name := range slices.Sorted(maps.Keys(matching())) {
		constraints := matching()[name]
		all = append(all,
			suiteOf(t, "policy-"+name, admissionregistrationv1.Warn, "  matchConstraints: {"+constraints+"}"+seen, "{}"),
			suiteOf(t, "binding-"+name, admissionregistrationv1.Warn, everything+seen, "matchResources: {"+constraints+"}"))
	}
	return slices.Collect(slices.Chunk(all, together))
}

// others are all other policies, each with bindings that warn, which tell all that is found, and with ones that deny.
func others(t *testing.T) [][]*suite {
	t.Helper()
	var all [][]*suite
	for _, name := range slices.Sorted(maps.Keys(expressing())) {
		for _, action := range []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Deny} {
			all = append(all, []*suite{suiteOf(t, name+"-"+strings.ToLower(string(action)), action, expressing()[name]...)})
		}
	}
	return all
}

// TestAnswersEqualThoseOfTheAPIServer tries every object under every policy. What is rendered has not been to the API server, though:
// of such an object, a denial that the API server would not make is an unknown finding.
func TestAnswersEqualThoseOfTheAPIServer(t *testing.T) {
	j := newJudge(t)
	names := slices.Sorted(maps.Keys(objects()))
	// Without policies, the answer is the object as policies see it.
	asSeen := map[string]*tried{}
	for _, name := range names {
		object, err := try(t, objects()[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		asSeen[name] = object
	}
	count := map[string]int{}
	for _, suites := range append(matchers(t), others(t)...) {
		remove := enforce(t, suites)
		for _, name := range names {
			warnings.take()
			_, err := try(t, objects()[name])
			there := answerOf(t, warnings.take(), err)
			here := j.judge(t, suites, j.input(t, asSeen[name]))
			compare(t, suites[0].name+" on "+name, there, here)
			asWritten := j.judge(t, suites, j.input(t, written(t, objects()[name], asSeen[name].old)))
			if there.Denied == "" && len(asWritten.Denied) > asWritten.unsure {
				t.Errorf("%s on %s, as it is written: the API server takes it, kroguard denies: %q", suites[0].name, name, asWritten.Denied)
			}
			if there.Denied == "" && len(asWritten.Denied) > 0 {
				count["unsure"]++
			}
			count["tried"]++
			count["warned"] += len(there.Warned)
			if there.Denied != "" {
				count["denied"]++
			}
		}
		remove()
	}
	t.Logf("%v", count)
	if count["warned"] < 200 || count["denied"] < 100 || count["tried"]-count["denied"] < 100 || count["unsure"] < 1 {
		t.Errorf("the policies decide too little: %v", count)
	}
}

func compare(t *testing.T, what string, there answer, here outcome) {
	t.Helper()
	sorted := func(list []string) []string {
		words := make([]string, len(list))
		for i := range list {
			words[i] = sameWords(list[i])
		}
		slices.Sort(words)
		return words
	}
	if diff := cmp.Diff(sorted(there.Warned), sorted(here.Warned), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: warnings (-API server +kroguard):\n%s", what, diff)
	}
	if there.Denied == "" && len(here.Denied) == 0 {
		return
	}
	// It names no binding where it could not look the paramKind up.
	denied := sorted(here.Denied)
	if !slices.Contains(denied, sameWords(there.Denied)) {
		t.Errorf("%s: the API server refuses with %q, kroguard with %q", what, there.Denied, here.Denied)
	}
}

var (
	// failedThere and failedHere are how the two tell of an expression that fails: by its text, and by its place.
	failedThere = regexp.MustCompile(`expression '.*' resulted in error: `)
	failedHere  = regexp.MustCompile(`(nobody can tell before .*: )?spec\.\w+\[\d\]\.\w+: `)
	noBinding   = regexp.MustCompile(`/params-unknown-kind-\w+-\d`)
)

// sameWords says in one way what both say in different words for a reason.
func sameWords(message string) string {
	message = failedThere.ReplaceAllString(message, "failed: ")
	message = failedHere.ReplaceAllString(message, "failed: ")
	return strings.TrimSpace(noBinding.ReplaceAllString(message, ""))
}
