package requiredlabels

violation contains {"msg": msg} if {
	some wanted in input.parameters.labels
	not input.review.object.metadata.labels[wanted.key]
	msg := sprintf("label %q is missing", [wanted.key])
}

violation contains {"msg": msg} if {
	some wanted in input.parameters.labels
	value := input.review.object.metadata.labels[wanted.key]
	not regex.match(wanted.pattern, value)
	msg := sprintf("label %q is %q, which does not match %s", [wanted.key, value, wanted.pattern])
}
