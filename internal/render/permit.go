package render

import (
	"maps"
	"slices"
	"strings"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
)

// kro wants the type of what forEach and includeWhen yield to be a list, and a boolean. What a resource of an unknown kind
// yields has no type; these make one of it, and change no value that has the type anyway.
const (
	permitList    = ").filter(element, true)}"
	permitBoolean = ") == true}"
	permitOpening = "${("
)

// permit makes an RGD compile in spite of kinds of which nothing is known, and reports whether there was anything to do.
func permit(rgd *krov1alpha1.ResourceGraphDefinition) bool {
	changed := false
	wrap := func(text, closing string) string {
		body, ok := strings.CutPrefix(strings.TrimSpace(text), "${")
		body, closed := strings.CutSuffix(body, "}")
		if !ok || !closed {
			return text
		}
		changed = true
		return permitOpening + body + closing
	}
	for _, resource := range rgd.Spec.Resources {
		for i, text := range resource.IncludeWhen {
			resource.IncludeWhen[i] = wrap(text, permitBoolean)
		}
		for _, dimension := range resource.ForEach {
			for _, name := range slices.Sorted(maps.Keys(dimension)) {
				dimension[name] = wrap(dimension[name], permitList)
			}
		}
	}
	return changed
}

// unpermitted is an expression as the RGD has it.
func unpermitted(text string) string {
	for _, closing := range []string{permitList, permitBoolean} {
		if body, ok := strings.CutSuffix(text, strings.TrimSuffix(closing, "}")); ok && strings.HasPrefix(body, "(") {
			return body[1:]
		}
	}
	return text
}
