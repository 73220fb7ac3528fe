package changeticket

exempt if {
	some group in input.review.userInfo.groups
	group in input.parameters.exempt
}

violation contains {"msg": msg} if {
	input.review.operation == "CREATE"
	not exempt
	ticket := object.get(input.review.object.metadata.annotations, input.parameters.annotation, "")
	not regex.match(input.parameters.pattern, ticket)
	msg := sprintf("annotation %s must name a ticket, and is %q", [input.parameters.annotation, ticket])
}
