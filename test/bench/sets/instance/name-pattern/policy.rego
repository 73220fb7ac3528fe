package namepattern

violation contains {"msg": msg} if {
	name := input.review.object.metadata.name
	not regex.match(input.parameters.pattern, name)
	msg := sprintf("name %q does not match %s", [name, input.parameters.pattern])
}

violation contains {"msg": msg} if {
	some prefix in input.parameters.reserved
	startswith(input.review.object.metadata.name, prefix)
	msg := sprintf("names that begin with %q are reserved", [prefix])
}
