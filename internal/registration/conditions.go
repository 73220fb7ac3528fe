package registration

import (
	"slices"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// Names of the matchConditions, as the API server's metrics show them.
const (
	conditionNotResourceGraphDefinition = "not-a-resourcegraphdefinition"
	conditionNotBeingDeleted            = "not-being-deleted"
	conditionNotKroBookkeeping          = "not-kro-bookkeeping"
)

// bookkeepingKeys matches the keys of labels and annotations by which kro keeps its books: kro.run/*, *.kro.run/* (kro moves
// them to internal.kro.run/*), and applyset.kubernetes.io/*.
const bookkeepingKeys = `^(([^/]+[.])?kro[.]run|applyset[.]kubernetes[.]io)/`

// maxComparedEntries bounds the labels and annotations that are compared inside the API server. An object may carry so many
// that the comparison would run over the cost limit of a CEL expression (1,000,000), which is an error and thereby a refusal;
// beyond the bound, kroguard itself compares.
const maxComparedEntries = 256

// notResourceGraphDefinition spares RGDs, which live in the group of the instances, the webhooks for instances.
func notResourceGraphDefinition() admissionregistrationv1.MatchCondition {
	return admissionregistrationv1.MatchCondition{
		Name: conditionNotResourceGraphDefinition,
		Expression: `!(request.resource.group == ` + strconv.Quote(KroGroup) +
			` && request.resource.resource == ` + strconv.Quote(resourceGraphDefinitions) + `)`,
	}
}

// notBeingDeleted lets an object on its way out alone. It reads the stored object: nobody can claim a deletion that isn't.
func notBeingDeleted() admissionregistrationv1.MatchCondition {
	return admissionregistrationv1.MatchCondition{
		Name:       conditionNotBeingDeleted,
		Expression: `request.operation != "UPDATE" || !has(oldObject.metadata) || !has(oldObject.metadata.deletionTimestamp)`,
	}
}

// notKroBookkeeping spares what kro sends at every reconcile: an update by kro's user that leaves spec, labels and annotations
// as they are, but for kro's own. An update of a nested instance that changes it is judged. The disjunction is in this order
// so that a request of anybody else is decided by its first terms, whatever the shape of the object.
func notKroBookkeeping(kroUsers []string) admissionregistrationv1.MatchCondition {
	users := slices.Clone(kroUsers)
	slices.Sort(users)
	users = slices.Compact(users)
	for i := range users {
		users[i] = strconv.Quote(users[i])
	}
	terms := []string{
		`request.operation != "UPDATE"`,
		`!(request.userInfo.username in [` + strings.Join(users, ", ") + `])`,
		`object.?spec != oldObject.?spec`,
		entriesDiffer("labels"),
		entriesDiffer("annotations"),
	}
	return admissionregistrationv1.MatchCondition{
		Name:       conditionNotKroBookkeeping,
		Expression: strings.Join(terms, " || "),
	}
}

// entriesDiffer is a CEL term: true where the map metadata.<field> of object and oldObject differs in a key that isn't kro's
// bookkeeping, or is too large to tell.
func entriesDiffer(field string) string {
	const term = `![object, oldObject].all(o, ` +
		`o.metadata.?FIELD.orValue({}).size() <= MAX && ` +
		`o.metadata.?FIELD.orValue({}).all(k, k.matches(KEYS) || ` +
		`object.metadata.?FIELD[?k] == oldObject.metadata.?FIELD[?k]))`
	return strings.NewReplacer(
		"FIELD", field,
		"MAX", strconv.Itoa(maxComparedEntries),
		"KEYS", strconv.Quote(bookkeepingKeys),
	).Replace(term)
}
