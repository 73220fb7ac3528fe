package memorylimit

violation contains {"msg": msg} if {
	wanted := input.review.object.spec.resources.limits.memory
	units.parse_bytes(wanted) > units.parse_bytes(input.parameters.max)
	msg := sprintf("memory is %s, and may be %s", [wanted, input.parameters.max])
}

violation contains {"msg": "memory has no limit"} if not input.review.object.spec.resources.limits.memory
