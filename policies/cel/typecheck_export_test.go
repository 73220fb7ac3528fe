package cel

import celgo "github.com/google/cel-go/cel"

// FieldsOf are the fields that the type checker knows of project and offering.
func FieldsOf(name string) map[string]bool {
	fields := map[string]map[string]*celgo.Type{projectVarName: projectFields(), offeringVarName: offeringFields()}[name]
	set := map[string]bool{}
	for field := range fields {
		set[field] = true
	}
	return set
}
